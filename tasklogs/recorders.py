"""The log's part in the life of an execution: opened before the handler, closed by the statement that settles."""

import time
from collections.abc import Mapping
from typing import Any, Final

from pulse.outcomes import Outcome
from pulse.recorders import Recorder
from pulse.run import Claim, Run
from pulse.states import JobStatus
from pulse.text import storable, storable_json
from tasklogs import streams
from tasklogs.buffers import Buffer
from tasklogs.flusher import flusher

ENDED_ELSEWHERE: Final = "This try was ended from outside (its lease was taken over): its own outcome does not count"
# The last line's text holds how long the execution took, which only the statement knows. An execution whose process
# died has no numbers in memory: its last line follows the last one that was written.
SETTLE: Final = """
tasklogs_lines AS (
    INSERT INTO task_logs (execution_id, job_id, seq, stage, task_id, timestamp, level, message, metadata)
    SELECT job.execution_id, job.id, line.*
    FROM job JOIN given USING (execution_id) CROSS JOIN LATERAL (
        SELECT seq, stage, task_id, timestamp, level, message, metadata::jsonb
        FROM jsonb_to_recordset(tasklogs_lines) AS lines (
            seq bigint, stage text, task_id text, timestamp timestamptz, level text, message text, metadata text
        )
        UNION ALL
        SELECT
            coalesce(tasklogs_last_seq, (
                SELECT coalesce(max(seq), 0) + 1 FROM task_logs WHERE task_logs.execution_id = job.execution_id
            )),
            coalesce(tasklogs_last_stage, handler_name),
            NULL,
            ended_at,
            tasklogs_last_level,
            tasklogs_last_before || (extract(epoch FROM ended_at - started_at) * 1000)::bigint || tasklogs_last_after,
            tasklogs_last_metadata::jsonb
    ) AS line
    ORDER BY job.execution_id, seq
    ON CONFLICT DO NOTHING
)
"""

COLUMNS: Final = """
tasklogs_lines jsonb, tasklogs_last_seq bigint, tasklogs_last_stage text, tasklogs_last_level text,
tasklogs_last_before text, tasklogs_last_after text, tasklogs_last_metadata text
"""


class TaskLogRecorder(Recorder):
    settle_sql = SETTLE
    settle_columns = COLUMNS

    def begin(self, run: Run[Any]) -> None:
        streams.install()
        buffer = flusher.open(run)
        buffer.enter()
        buffer.add("info", f"Starting {run.claim.handler_name}, attempt {run.attempt}", time.time())

    def settle_values(self, claim: Claim, outcome: Outcome) -> Mapping[str, Any]:
        buffer = flusher.buffers.get(claim.execution_id)
        if buffer is not None:
            buffer.settling_since = time.monotonic()
            streams.finish(buffer)
            buffer.say_dropped()
            if flusher.drain(buffer):
                buffer.take_for_settle()
        given = {"lines": _waiting(buffer)} | _last(buffer, outcome)
        return {f"tasklogs_{name}": value for name, value in given.items()}

    def end(self, claim: Claim, *, settled: bool) -> None:
        buffer = flusher.buffers.get(claim.execution_id)
        if buffer is None:
            return
        buffer.leave()
        if settled:
            buffer.settled()
        else:
            buffer.not_settled()
            buffer.add("warn", ENDED_ELSEWHERE, time.time())
        flusher.close(buffer)


def _waiting(buffer: Buffer | None) -> list[dict[str, Any]]:
    """The lines that the statement writes, as its columns."""
    return [
        {
            "seq": line.seq,
            "stage": line.stage,
            "task_id": line.task_id,
            "timestamp": line.timestamp.isoformat(),
            "level": line.level,
            "message": line.message,
            "metadata": line.metadata,
        }
        for line in (buffer.settling if buffer is not None else [])
    ]


def _last(buffer: Buffer | None, outcome: Outcome) -> dict[str, Any]:
    """The last line says how it ended; null seq and stage where the database knows better."""
    level, before, after = _words(outcome)
    detail = {"error_code": outcome.error_code, "traceback": "\n".join(outcome.error_details)}
    known = {name: value for name, value in detail.items() if value}
    return {
        "last_seq": None if buffer is None else buffer.last_seq(),
        "last_stage": None if buffer is None else buffer.labels()[0],
        "last_level": level,
        "last_before": before,
        "last_after": storable(after),
        "last_metadata": storable_json(known) if known else None,
    }


def _words(outcome: Outcome) -> tuple[str, str, str]:
    """Level, and what stands before and after the number of milliseconds."""
    if outcome.status == JobStatus.COMPLETED:
        return "info", "Completed in ", " ms"
    if outcome.status == JobStatus.CANCELLED:
        return "warn", "Cancelled after ", f" ms: {outcome.error_message}"
    if outcome.status == JobStatus.PAUSED:
        return "warn", "Paused after ", f" ms: {outcome.waiting_reason or outcome.error_message}"
    again = f" (tried again in {outcome.retry_after_s or 0:.0f} s)" if outcome.status == JobStatus.QUEUED else ""
    return "error", "Failed after ", f" ms: {outcome.error_message}{again}"
