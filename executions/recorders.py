"""The execution's row rides on the engine's statements: it is there when the job runs, and ends when the try does."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from executions import services
from executions.models import ERROR_CODE_MAX
from pulse.outcomes import Outcome
from pulse.recorders import Recorder
from pulse.run import Claim
from pulse.text import storable

BEGIN: Final = """
execution_begun AS (
    INSERT INTO pulse_executions (
        id, job_id, scheduled_job_id, celery_task_id, handler_name, attempt, status, worker, worker_id, started_at,
        wait_ms, error_details, cost_micros, created_at, updated_at
    )
    SELECT
        execution_id, id, schedule_id, id, handler_name, attempt, 'running', %(worker_name)s::text, worker_id,
        started_at,
        greatest(0, extract(epoch FROM started_at - greatest(created_at, due_at, run_at)) * 1000)::bigint,
        '[]', 0, started_at, started_at
    FROM job
)
"""

REFUSED: Final = """
execution_undone AS (
    DELETE FROM pulse_executions USING job
    WHERE pulse_executions.id = %(execution_id)s AND pulse_executions.job_id = job.id
)
"""

END: Final = """
execution_ended AS (
    UPDATE pulse_executions SET
        status = given.executions_status,
        completed_at = job.ended_at,
        duration_ms = greatest(0, extract(epoch FROM job.ended_at - job.started_at) * 1000)::bigint,
        result_summary = given.executions_result_summary,
        error_code = given.executions_error_code,
        error_message = given.executions_error_message,
        error_details = given.executions_error_details,
        cost_micros = given.executions_cost_micros,
        updated_at = job.ended_at
    FROM job JOIN given USING (execution_id)
    WHERE pulse_executions.id = job.execution_id AND pulse_executions.status = 'running'
)
"""

COLUMNS: Final = """
executions_status text, executions_result_summary text, executions_error_code text, executions_error_message text,
executions_error_details jsonb, executions_cost_micros bigint
"""


class ExecutionRecorder(Recorder):
    claim_sql = BEGIN
    refuse_sql = REFUSED
    settle_sql = END
    settle_columns = COLUMNS

    def settle_values(self, claim: Claim, outcome: Outcome) -> Mapping[str, Any]:
        return {
            "executions_status": outcome.execution_status,
            "executions_result_summary": _text(outcome.result_summary),
            "executions_error_code": outcome.error_code[:ERROR_CODE_MAX] or None,
            "executions_error_message": _text(outcome.error_message),
            "executions_error_details": [storable(line) for line in outcome.error_details],
            "executions_cost_micros": outcome.cost_micros,
        }

    def sweep(self, now: datetime) -> None:
        services.settle_lost(now)


def _text(text: str | None) -> str | None:
    return storable(text) if text else None
