"""Events to send."""

from pulse import events, ids


def started(number: int = 1) -> events.ExecutionStarted:
    """An event that can be told from others by its attempt."""
    return events.ExecutionStarted(
        execution_id=ids.execution_id(),
        job_id="SP_1",
        scheduled_job_id="SP_1",
        async_job_id="JB_1",
        handler_name="test.work",
        attempt=number,
    )


def log_lines(execution_id: str, *texts: str) -> events.LogLines:
    lines = [{"seq": seq, "message": text} for seq, text in enumerate(texts, start=1)]
    return events.LogLines(execution_id=execution_id, async_job_id=None, last_seq=len(texts), lines=lines)
