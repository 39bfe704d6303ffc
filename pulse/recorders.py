"""Recorders: apps above the core that write their own rows in the very statement that claims or settles a job.

The engine's statements are `WITH job AS (UPDATE pulse_job ... RETURNING ...)`; a recorder adds further common table
expressions that read from `job`, so that its row is there exactly when the job's change is, without another
round trip.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils.module_loading import import_string

from pulse.run import Claim, Run

if TYPE_CHECKING:
    from pulse.outcomes import Outcome


class Recorder:
    """Base with nothing to say. Names of columns are shared by all recorders: prefix them with the app's name.

    `claim_sql` sees `job` (the claimed rows) and the parameter worker_name; `refuse_sql` sees `job` (id) and the
    parameter execution_id; `settle_sql` sees `job` (id, execution_id, schedule_id, handler_name, started_at,
    ended_at) and `given` (execution_id, and the recorder's `settle_columns`, filled by `settle_values`). Each is a
    full expression, such as `started AS (INSERT ... SELECT ... FROM job)`, or empty, and takes any number of rows.
    """

    claim_sql = ""
    refuse_sql = ""
    settle_sql = ""
    settle_columns = ""  # such as "app_status text, app_lines jsonb"

    def begin(self, run: Run[Any]) -> None:
        """The handler is about to be called, in this thread."""

    def settle_values(self, claim: Claim, outcome: "Outcome") -> Mapping[str, Any]:
        """What `settle_columns` hold for this try, as JSON. Called once per attempt to settle; after `begin`, or
        without it for orphans."""
        return {}

    def end(self, claim: Claim, *, settled: bool) -> None:
        """The settle was done, or (settled=False) came too late and changed nothing."""

    def sweep(self, now: datetime) -> None:
        """Called by every beat every few seconds: end what no job's lease watches over."""


@cache
def recorders() -> tuple[Recorder, ...]:
    """One of each of settings.PULSE_RECORDERS. Raises ImportError for one that is not there."""
    return tuple(import_string(path)() for path in settings.PULSE_RECORDERS)


@cache
def with_expressions(statement: str, attribute: str) -> str:
    """`statement` with the recorders' expressions in place of `{recorders}`, and their columns of `{columns}`."""
    parts = [getattr(recorder, attribute) for recorder in recorders()]
    columns = [recorder.settle_columns for recorder in recorders()]
    return statement.replace("{recorders}", _joined(parts)).replace("{columns}", _joined(columns))


def _joined(parts: list[str]) -> str:
    return "".join(f",\n{part}" for part in parts if part)
