"""The engine's SQL statements. Each is one round trip and one conditional UPDATE; recorders add their rows to it
(pulse.recorders). Clocks: the database's, so that two machines that disagree about the time change nothing.

A job alone is claimed by CLAIM. The jobs of a chunk are taken together by TAKE and begun one by one, or in groups, by
BEGIN; until then they have no `started_at`, and PUT_BACK returns them as if they had never been taken.
"""

from typing import Final

CLAIM: Final = """
WITH job AS (
    UPDATE pulse_job SET
        status = 'running',
        attempt = attempt + 1,
        execution_id = %(execution_id)s,
        worker_id = %(worker_id)s,
        started_at = clock_timestamp(),
        deadline_at = clock_timestamp() + make_interval(secs => timeout_s + %(margin_s)s),
        waiting_reason = '', waiting_gate = '', pause_reason = '', resume_at = NULL,
        progress_current = 0, progress_total = NULL, stage = '',
        updated_at = clock_timestamp()
    WHERE id = %(job_id)s AND status = 'queued' AND cancel_requested_at IS NULL
        AND (run_at IS NULL OR run_at <= clock_timestamp())
    RETURNING *
){recorders}
SELECT id AS job_id, execution_id, handler_name, payload, attempt, failures, max_retries, timeout_s, schedule_id,
    due_at, concurrency_key, parent_id, checkpoint, cost_estimate_micros
FROM job
"""

REFUSE: Final = """
WITH job AS (
    UPDATE pulse_job SET
        status = 'paused',
        attempt = attempt - 1,
        execution_id = NULL, worker_id = NULL, started_at = NULL, deadline_at = NULL,
        pause_reason = %(pause_reason)s,
        waiting_reason = %(because)s,
        waiting_gate = %(gate)s,
        resume_at = %(resume_at)s,
        updated_at = clock_timestamp()
    WHERE id = %(job_id)s AND execution_id = %(execution_id)s AND status = 'running'
    RETURNING id
){recorders}
SELECT id FROM job
"""

TAKE: Final = """
WITH given AS (
    SELECT * FROM unnest(%(job_ids)s::text[], %(execution_ids)s::text[]) AS given (job_id, new_execution_id)
), job AS (
    UPDATE pulse_job SET
        status = 'running',
        attempt = attempt + 1,
        execution_id = new_execution_id,
        worker_id = %(worker_id)s,
        started_at = NULL,
        deadline_at = clock_timestamp() + make_interval(secs => timeout_s * %(jobs)s + %(margin_s)s),
        waiting_reason = '', waiting_gate = '', pause_reason = '', resume_at = NULL,
        progress_current = 0, progress_total = NULL, stage = '',
        updated_at = clock_timestamp()
    FROM given
    WHERE id = job_id AND status = 'queued' AND cancel_requested_at IS NULL
        AND (run_at IS NULL OR run_at <= clock_timestamp())
    RETURNING pulse_job.*
)
SELECT id AS job_id, execution_id, handler_name, payload, attempt, failures, max_retries, timeout_s, schedule_id,
    due_at, concurrency_key, parent_id, checkpoint, cost_estimate_micros
FROM job
"""

BEGIN: Final = """
WITH given AS (
    SELECT * FROM unnest(%(job_ids)s::text[], %(execution_ids)s::text[], %(begun_at)s::timestamptz[])
        AS given (job_id, its_execution_id, begun_at)
), job AS (
    UPDATE pulse_job SET
        started_at = begun_at,
        deadline_at = begun_at + make_interval(secs => timeout_s + %(margin_s)s),
        updated_at = clock_timestamp()
    FROM given
    WHERE id = job_id AND execution_id = its_execution_id AND status = 'running' AND started_at IS NULL
    RETURNING pulse_job.*
){recorders}
SELECT id FROM job
"""

PUT_BACK: Final = """
UPDATE pulse_job SET
    status = CASE WHEN cancel_requested_at IS NULL THEN 'queued' ELSE 'cancelled' END,
    finished_at = CASE WHEN cancel_requested_at IS NOT NULL THEN clock_timestamp() END,
    attempt = attempt - 1,
    execution_id = NULL, worker_id = NULL, deadline_at = NULL, published_at = NULL,
    waiting_reason = '', updated_at = clock_timestamp()
WHERE execution_id = ANY(%(execution_ids)s) AND id = ANY(%(job_ids)s) AND status = 'running' AND started_at IS NULL
"""

# Any number of tries at once. A job that was asked to stop meanwhile is not queued or paused again.
SETTLE: Final = """
WITH given AS (
    SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb) AS given (
        job_id text, execution_id text, its_end timestamptz, to_status text, is_final bool, failed int,
        retry_after_s float8, to_pause_reason text, to_waiting_reason text, at_current bigint, at_total bigint,
        at_stage text, spent_micros bigint, summary text, code text, message text, details jsonb,
        letter_reason text{columns}
    )
), job AS (
    UPDATE pulse_job SET
        status = CASE WHEN cancel_requested_at IS NOT NULL AND to_status IN ('queued', 'paused')
            THEN 'cancelled' ELSE to_status END,
        failures = failures + failed,
        run_at = CASE WHEN to_status = 'queued' THEN clock_timestamp() + make_interval(secs => retry_after_s) END,
        published_at = NULL,
        finished_at = CASE WHEN is_final OR cancel_requested_at IS NOT NULL
            THEN coalesce(its_end, clock_timestamp()) END,
        deadline_at = NULL, pause_requested_at = NULL,
        pause_reason = to_pause_reason,
        waiting_reason = CASE WHEN cancel_requested_at IS NULL THEN to_waiting_reason ELSE '' END,
        progress_current = coalesce(at_current, progress_current),
        progress_total = coalesce(at_total, progress_total),
        stage = coalesce(at_stage, stage),
        cost_micros = cost_micros + spent_micros,
        result_summary = summary,
        error_code = code,
        error_message = message,
        checkpoint = CASE WHEN to_status <> 'completed' THEN checkpoint END,
        updated_at = clock_timestamp()
    FROM given
    WHERE pulse_job.id = given.job_id AND pulse_job.execution_id = given.execution_id
        AND pulse_job.status = 'running'
    RETURNING id, pulse_job.execution_id, schedule_id, handler_name, attempt, status, waiting_reason, started_at,
        greatest(started_at, coalesce(its_end, clock_timestamp())) AS ended_at
), letter AS (
    INSERT INTO pulse_dead_letter (job_id, handler_name, reason, error_code, error_message, error_details, attempts,
        execution_id, resolution, resolved_by)
    SELECT id, handler_name, letter_reason, code, message, details, attempt, execution_id, '', ''
    FROM job JOIN given USING (execution_id)
    WHERE status = 'failed'
){recorders}
SELECT execution_id, status, waiting_reason,
    (extract(epoch FROM ended_at - started_at) * 1000)::bigint AS duration_ms
FROM job
"""
