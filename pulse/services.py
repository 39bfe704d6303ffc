"""Every write that a person or another app may ask of a job."""

import json
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from pydantic import ValidationError

from pulse import clock, events
from pulse.errors import InvalidInput, InvalidPayload, NotFound, WrongStatus
from pulse.models import Job, Switch
from pulse.publisher import publish_on_commit
from pulse.registry import registry
from pulse.states import FINAL, JobStatus, PauseReason


def validated_payload(handler_name: str, payload: dict[str, Any] | None) -> dict[str, Any]:
    """The payload as it is stored, fitting the handler's model. Raises UnknownHandler, InvalidPayload."""
    model = registry.get(handler_name).payload
    given = {} if payload is None else payload
    if not isinstance(given, dict):
        raise InvalidPayload("the payload must be a JSON object", field="payload")
    try:
        size = len(json.dumps(given))
        fitting = model.model_validate(given).model_dump(mode="json", exclude_unset=True)
    except ValidationError as error:
        faults = [
            {"field": ".".join(["payload", *map(str, fault["loc"])]), "message": fault["msg"]}
            for fault in error.errors()
        ]
        first = faults[0]
        raise InvalidPayload(
            f"the payload does not fit handler '{handler_name}': {first['field']}: {first['message']}",
            errors=faults,
        ) from error
    except (TypeError, ValueError) as error:
        raise InvalidPayload(f"the payload is not JSON: {error}", field="payload") from error
    if size > settings.PULSE_PAYLOAD_MAX_BYTES:
        raise InvalidPayload(
            f"the payload has {size} bytes, more than the {settings.PULSE_PAYLOAD_MAX_BYTES} allowed",
            field="payload",
            hint="Store large input elsewhere and pass its address.",
        )
    if "\\u0000" in json.dumps(fitting):
        raise InvalidPayload("the payload contains a NUL character, which PostgreSQL cannot store", field="payload")
    return fitting


def new_job(
    handler_name: str,
    payload: dict[str, Any] | None = None,
    *,
    source: str = "",
    schedule_id: str | None = None,
    due_at: datetime | None = None,
    run_at: datetime | None = None,
    max_retries: int | None = None,
) -> Job:
    """A job that is checked and not yet written. Raises UnknownHandler, InvalidPayload, InvalidInput."""
    if max_retries is not None and not 0 <= max_retries <= 100:
        raise InvalidInput("max_retries must be between 0 and 100", field="max_retries")
    handler = registry.get(handler_name)
    now = clock.now()
    later = run_at is not None and run_at > now
    return Job(
        handler_name=handler.name,
        payload=validated_payload(handler_name, payload),
        queue=handler.queue,
        source=source,
        schedule_id=schedule_id,
        due_at=due_at,
        run_at=run_at if later else None,
        published_at=None if later else now,
        max_retries=handler.max_retries if max_retries is None else max_retries,
        timeout_s=handler.timeout_s,
        cost_estimate_micros=handler.cost_estimate_micros,
        waiting_reason=f"waits until {run_at:%Y-%m-%d %H:%M:%S} UTC" if later else "",
    )


def enqueue(handler_name: str, payload: dict[str, Any] | None = None, **options: Any) -> Job:
    """Ask for one job; the options are those of `new_job`. It is published when the transaction commits."""
    job = new_job(handler_name, payload, **options)
    with transaction.atomic():
        job.save(force_insert=True)
        _hand_over([job])
    return job


def insert_jobs(jobs: list[Job]) -> list[Job]:
    """Write many jobs; those whose (schedule, due time) has a job already are left out.

    Returns the ones written. The caller publishes them (`publisher.publish`) after its commit.
    """
    Job.objects.bulk_create(jobs, ignore_conflicts=True)
    written = set(Job.objects.filter(pk__in=[job.pk for job in jobs]).values_list("pk", flat=True))
    return [job for job in jobs if job.pk in written]


def cancel(job_id: str, *, reason: str = "cancelled by an operator") -> Job:
    """Stop a job that is not final; asking twice is the same as once. Raises NotFound, WrongStatus.

    A waiting job is cancelled at once; a running handler is told at its next look (`run.check_cancelled`).
    """
    now = clock.now()
    waiting = Job.objects.filter(pk=job_id, status__in=[JobStatus.QUEUED, JobStatus.PAUSED])
    running = Job.objects.filter(pk=job_id, status=JobStatus.RUNNING)
    while True:
        ended = {
            "status": JobStatus.CANCELLED,
            "finished_at": now,
            "error_code": "cancelled",
            "error_message": reason,
        }
        if waiting.update(**ended, waiting_reason="", resume_at=None):
            return _told(job_id)
        if running.update(cancel_requested_at=now, waiting_reason=f"is being stopped: {reason}"):
            return _told(job_id)
        job = get(job_id)
        if job.status == JobStatus.CANCELLED:
            return job
        if job.status in FINAL:
            raise WrongStatus(f"job {job_id} is {job.status}: it cannot be cancelled any more", current=job.status)


def pause(job_id: str, *, reason: str = "") -> Job:
    """Hold a job. A queued one at once, a running one at its next checkpoint. Raises NotFound, WrongStatus."""
    because = f"paused by an operator{f': {reason}' if reason else ''}"
    held = {"pause_reason": PauseReason.USER_REQUESTED, "waiting_reason": because, "resume_at": None}
    if Job.objects.filter(pk=job_id, status=JobStatus.QUEUED).update(status=JobStatus.PAUSED, **held):
        return _told(job_id)
    if Job.objects.filter(pk=job_id, status=JobStatus.RUNNING).update(pause_requested_at=clock.now()):
        return _told(job_id)
    job = get(job_id)
    if job.status == JobStatus.PAUSED:
        return job
    raise WrongStatus(f"job {job_id} is {job.status}: only a queued or running job can be paused", current=job.status)


def resume(job_id: str) -> Job:
    """Put a paused job back into the queue. Raises NotFound, WrongStatus."""
    with transaction.atomic():
        moved = Job.objects.filter(pk=job_id, status=JobStatus.PAUSED).update(**back_in_queue())
        job = get(job_id)
        if not moved:
            raise WrongStatus(f"job {job_id} is {job.status}: only a paused job can be resumed", current=job.status)
        _hand_over([job])
    return job


def back_in_queue() -> dict[str, Any]:
    """The fields of a job that may run again, and whose message is on its way."""
    return {
        "status": JobStatus.QUEUED,
        "pause_reason": "",
        "waiting_reason": "",
        "resume_at": None,
        "published_at": clock.now(),
    }


def switch_off(scope: Switch.Scope, name: str = "", *, reason: str = "") -> Switch:
    """Keep all jobs, a queue's or a handler's from starting. Asking twice changes the reason."""
    switch, _ = Switch.objects.update_or_create(scope=scope, name=name, defaults={"reason": reason})
    return switch


def switch_on(scope: Switch.Scope, name: str = "") -> None:
    """Let them start again; the jobs that waited for it go back to the queue."""
    with transaction.atomic():
        Switch.objects.filter(scope=scope, name=name).delete()
        Job.objects.held_by_switch(scope=scope, name=name).update(resume_at=clock.now())


def get(job_id: str) -> Job:
    """Raises NotFound."""
    try:
        return Job.objects.get(pk=job_id)
    except Job.DoesNotExist:
        raise NotFound(f"there is no job {job_id}") from None


def _hand_over(jobs: list[Job]) -> None:
    publish_on_commit([job for job in jobs if job.published_at])
    for job in jobs:
        tell(job)


def _told(job_id: str) -> Job:
    job = get(job_id)
    tell(job)
    return job


def tell(job: Job) -> None:
    events.emit(
        events.JobUpdate(
            job_id=job.pk,
            scheduled_job_id=job.schedule_id,
            handler_name=job.handler_name,
            status=job.status,
            waiting_reason=job.waiting_reason,
        )
    )
