"""`pulse.noop`: the smallest job there is."""

from typing import Any

from pydantic import BaseModel, ConfigDict

from pulse.registry import handler
from pulse.run import Run


class Anything(BaseModel):
    """Any JSON object; it is kept with the job and not looked at."""

    model_config = ConfigDict(extra="allow")


@handler(
    "pulse.noop",
    payload=Anything,
    on_orphan="retry",
    cost_estimate_usd=0,
    description="Does nothing and completes: to try out a schedule, or to measure Pulse itself.",
)
def noop(run: Run[Any]) -> None:
    """Nothing."""
