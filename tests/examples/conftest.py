"""The examples, run by the engine without their pauses."""

import logging
from collections.abc import Callable
from typing import Any

import pytest

from pulse import engine, services
from pulse.models import Job


@pytest.fixture
def perform(db: None, caplog: pytest.LogCaptureFixture) -> Callable[..., Job]:
    """Asks for a job and runs it to its end: `perform("examples.csv_import", batch_size=10)`."""
    caplog.set_level(logging.DEBUG, logger="pulse.run")

    def perform(handler_name: str, **payload: Any) -> Job:
        job = services.enqueue(handler_name, {"pause_s": 0, **payload})
        engine.perform(job.pk, worker_id="w1", worker_name="w1@here")
        job.refresh_from_db()
        return job

    return perform
