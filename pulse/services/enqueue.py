"""Asking for jobs."""

import hashlib
import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction

from pulse import clock
from pulse.errors import InvalidInput
from pulse.models import DedupKey, Job
from pulse.publisher import bundle, publish_on_commit
from pulse.registry import registry
from pulse.services.payloads import validated_payload
from pulse.services.reading import tell
from pulse.states import OnParentFailure, Priority

INSERT_BATCH: Final = 1000  # rows a statement


def new_job(
    handler_name: str,
    payload: dict[str, Any] | None = None,
    *,
    source: str = "",
    schedule_id: str | None = None,
    due_at: datetime | None = None,
    run_at: datetime | None = None,
    priority: int = Priority.NORMAL,
    max_retries: int | None = None,
    concurrency_key: str = "",
    parent_id: str | None = None,
    on_parent_failure: OnParentFailure = OnParentFailure.CONTINUE,
    is_checked: bool = False,
) -> Job:
    """A job that is checked and not yet written. Raises UnknownHandler, InvalidPayload, InvalidInput.

    `is_checked` says that the payload was checked when it was stored: its model, which is the handler's own code, is
    not asked again. The worker asks it before it runs the job.
    """
    if max_retries is not None and not 0 <= max_retries <= 100:
        raise InvalidInput("max_retries must be between 0 and 100", field="max_retries")
    if not 0 <= priority <= 9:
        raise InvalidInput("priority must be between 0 (taken first) and 9", field="priority")
    handler = registry.get(handler_name)
    now = clock.now()
    later = run_at is not None and run_at > now
    return Job(
        handler_name=handler.name,
        payload=(payload or {}) if is_checked else validated_payload(handler_name, payload),
        queue=handler.queue,
        source=source,
        schedule_id=schedule_id,
        due_at=due_at,
        run_at=run_at if later else None,
        published_at=None if later else now,
        priority=priority,
        max_retries=handler.max_retries if max_retries is None else max_retries,
        timeout_s=handler.timeout_s,
        concurrency_key=concurrency_key,
        parent_id=parent_id,
        on_parent_failure=on_parent_failure,
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


def enqueue_many(handler_name: str, payloads: Iterable[dict[str, Any] | None], **options: Any) -> list[Job]:
    """Ask for one job per payload, all or none, and publish them through one open connection to the broker."""
    jobs = bundle([new_job(handler_name, payload, **options) for payload in payloads])
    with transaction.atomic():
        Job.objects.bulk_create(jobs, batch_size=INSERT_BATCH)
        publish_on_commit([job for job in jobs if job.published_at])
    return jobs


def enqueue_once(
    handler_name: str,
    payload: dict[str, Any] | None = None,
    *,
    key: str | None = None,
    for_s: float | None = None,
    **options: Any,
) -> tuple[Job, bool]:
    """Ask for a job unless the key has one: (job, whether it is new), like Django's `get_or_create`.

    The key holds while its job is active, or, with `for_s`, for that many seconds. Without a key it is the job's
    source, and without that the payload's hash. Two callers at the same moment get the same job.
    """
    if for_s is not None and for_s <= 0:
        raise InvalidInput("for_s must be above 0 seconds", field="for_s")
    job = new_job(handler_name, payload, **options)
    job.dedup_key = key or job.source or _hash_of(job.payload)
    name = {"handler_name": job.handler_name, "key": job.dedup_key}
    until = None if for_s is None else clock.now() + timedelta(seconds=for_s)
    with transaction.atomic():
        fresh = DedupKey(**name, job_id=job.pk, expires_at=until)
        DedupKey.objects.bulk_create([fresh], ignore_conflicts=True)
        held = DedupKey.objects.select_for_update().get(**name)  # who comes second waits here for the first's commit
        if held.job_id != job.pk and (known := _holder(held)):
            return known, False
        DedupKey.objects.filter(pk=held.pk).update(job_id=job.pk, expires_at=until)
        job.save(force_insert=True)
        _hand_over([job])
    return job, True


def _holder(held: DedupKey) -> Job | None:
    """The job that the key stands for, or None when its time is over."""
    jobs = Job.objects.filter(pk=held.job_id)
    if held.expires_at is None:
        return jobs.active().first()
    return jobs.first() if held.expires_at > clock.now() else None


def _hash_of(payload: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(payload, sort_keys=True).encode()).hexdigest()


def insert_jobs(jobs: list[Job]) -> list[Job]:
    """Write many jobs; those whose (schedule, due time) has a job already are left out.

    Returns the ones written. The caller publishes them (`publisher.publish`) after its commit.
    """
    bundle(jobs)
    Job.objects.bulk_create(jobs, ignore_conflicts=True, batch_size=INSERT_BATCH)
    written = set(Job.objects.filter(pk__in=[job.pk for job in jobs]).values_list("pk", flat=True))
    return [job for job in jobs if job.pk in written]


def _hand_over(jobs: list[Job]) -> None:
    publish_on_commit([job for job in jobs if job.published_at])
    for job in jobs:
        tell(job)
