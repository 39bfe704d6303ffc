"""The engine's three SQL statements. Each is one round trip and one conditional UPDATE; recorders add their rows to
it (pulse.recorders). Clocks: the database's, so that two machines that disagree about the time change nothing."""

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

# A job that was asked to stop meanwhile is not queued or paused again.
SETTLE: Final = """
WITH job AS (
    UPDATE pulse_job SET
        status = CASE WHEN cancel_requested_at IS NOT NULL AND %(status)s IN ('queued', 'paused')
            THEN 'cancelled' ELSE %(status)s END,
        failures = failures + %(failures)s,
        run_at = CASE WHEN %(status)s = 'queued'
            THEN clock_timestamp() + make_interval(secs => %(retry_after_s)s) END,
        published_at = NULL,
        finished_at = CASE WHEN %(is_final)s OR cancel_requested_at IS NOT NULL THEN clock_timestamp() END,
        deadline_at = NULL, pause_requested_at = NULL,
        pause_reason = %(pause_reason)s,
        waiting_reason = CASE WHEN cancel_requested_at IS NULL THEN %(waiting_reason)s ELSE '' END,
        progress_current = coalesce(%(progress_current)s, progress_current),
        progress_total = coalesce(%(progress_total)s, progress_total),
        stage = coalesce(%(stage)s, stage),
        cost_micros = cost_micros + %(cost_micros)s,
        result_summary = %(result_summary)s,
        error_code = %(error_code)s,
        error_message = %(error_message)s,
        checkpoint = CASE WHEN %(status)s <> 'completed' THEN checkpoint END,
        updated_at = clock_timestamp()
    WHERE id = %(job_id)s AND execution_id = %(execution_id)s AND status = 'running'
    RETURNING id, schedule_id, handler_name, attempt, status, waiting_reason, started_at,
        clock_timestamp() AS ended_at
), letter AS (
    INSERT INTO pulse_dead_letter (job_id, handler_name, reason, error_code, error_message, error_details, attempts,
        execution_id, resolution, resolved_by)
    SELECT id, handler_name, %(letter_reason)s, %(error_code)s, %(error_message)s, %(error_details)s::jsonb, attempt,
        %(execution_id)s, '', ''
    FROM job WHERE status = 'failed'
){recorders}
SELECT status, waiting_reason, (extract(epoch FROM ended_at - started_at) * 1000)::bigint AS duration_ms
FROM job
"""
