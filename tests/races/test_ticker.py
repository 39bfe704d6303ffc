"""Several beats, and people who edit while they fire: each due time has one job, and nobody waits for ever."""

import threading
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from pulse import clock
from pulse.errors import NotFound
from pulse.models import Job
from schedules import beside, firing, services, sync
from schedules.models import Schedule, ScheduleState

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 8


def many(count: int, *, interval_s: int = 3600) -> list[str]:
    """Schedules that are due now, written in bulk."""
    now = clock.now()
    row = beside.interval_row(interval_s)
    tasks = PeriodicTask.objects.bulk_create(
        [PeriodicTask(name=f"task {number}", task="pulse.noop", interval=row) for number in range(count)]
    )
    made = [
        Schedule(
            periodic_task=task, name=task.name, handler_name="pulse.noop", interval_s=interval_s,
            anchor_at=now, next_run_at=now,
        )
        for task in tasks
    ]  # fmt: skip
    Schedule.objects.bulk_create(made)
    beside.remember(*made)
    return [schedule.pk for schedule in made]


def fire_all() -> int:
    """As a beat does, until nothing is due."""
    fired = 0
    for _ in range(100):
        jobs = firing.fire_due(limit=40).jobs
        fired += len(jobs)
        if not jobs and not Schedule.objects.due().exists():
            break
    return fired


def test_four_beats_fire_each_due_time_once(at_once: Callable[..., list[int]]) -> None:
    schedules = many(600)
    fired = at_once(fire_all, threads=4)
    assert sum(fired) == Job.objects.count() == 600
    assert set(Job.objects.values_list("schedule_id", flat=True)) == set(schedules)
    assert Schedule.objects.filter(run_count=1).count() == 600


def test_four_beats_over_many_due_times_of_few_schedules(at_once: Callable[..., list[int]]) -> None:
    schedules = many(5)
    for step in range(ROUNDS):
        Schedule.objects.update(next_run_at=clock.now() - timedelta(days=ROUNDS - step))
        at_once(fire_all, threads=4)
    assert Counter(Job.objects.values_list("schedule_id", flat=True)) == dict.fromkeys(schedules, ROUNDS)


def test_what_one_beat_holds_the_others_pass_by() -> None:
    held, free = many(2)
    with transaction.atomic():
        Schedule.objects.select_for_update().get(pk=held)
        assert in_thread(lambda: [job.schedule_id for job in firing.fire_due().jobs]) == [free]
    assert [job.schedule_id for job in firing.fire_due().jobs] == [held]


def test_an_ending_schedule_whose_periodic_task_is_being_edited_waits_for_the_next_tick() -> None:
    schedule_id, other = many(2)
    Schedule.objects.filter(pk=schedule_id).update(is_one_off=True)
    with transaction.atomic():
        PeriodicTask.objects.select_for_update().get(schedule=schedule_id)
        assert in_thread(lambda: [job.schedule_id for job in firing.fire_due().jobs]) == [other]
    assert [job.schedule_id for job in firing.fire_due().jobs] == [schedule_id]
    assert services.get(schedule_id).state == ScheduleState.INACTIVE


def test_pausing_against_firing_ends_paused(at_once: Callable[..., list[Any]]) -> None:
    for _ in range(ROUNDS):
        schedule_id = one()
        turns = iter([firing.fire_due, lambda pk=schedule_id: services.pause(pk)])
        at_once(lambda turns=turns: next(turns)())
        after = services.get(schedule_id)
        assert (after.state, after.next_run_at) == (ScheduleState.PAUSED, None)
        assert Job.objects.filter(schedule_id=schedule_id).count() <= 1


def test_deleting_against_firing_leaves_no_job_that_runs(at_once: Callable[..., list[Any]]) -> None:
    for _ in range(ROUNDS):
        schedule_id = one()
        turns = iter([firing.fire_due, lambda pk=schedule_id: services.delete(pk)])
        at_once(lambda turns=turns: next(turns)())
        assert Schedule.objects.get(pk=schedule_id).state == ScheduleState.DELETED
        assert set(Job.objects.filter(schedule_id=schedule_id).values_list("status", flat=True)) <= {"cancelled"}


def test_deleting_twice_at_once_does_it_once(at_once: Callable[..., list[bool]]) -> None:
    def delete() -> bool:
        try:
            services.delete(schedule_id)
        except NotFound:
            return False
        return True

    for _ in range(ROUNDS):
        schedule_id = one()
        assert sorted(at_once(delete)) == [False, True]


def test_edits_from_both_sides_while_beats_fire_do_not_lock_each_other_out(
    at_once: Callable[..., list[Any]],
) -> None:
    schedules = many(10, interval_s=1)

    def edit_here() -> None:
        for schedule_id in schedules * 2:
            services.update(schedule_id, name="edited here", interval_s=2)

    def edit_there() -> None:
        for task in list(PeriodicTask.objects.all()) * 2:
            task.description = "edited there"
            task.save()

    turns = iter([edit_here, edit_there, fire_all, fire_all])
    at_once(lambda: next(turns)(), threads=4)
    assert Schedule.objects.filter(state=ScheduleState.ACTIVE).count() == 10
    assert sync.sync_unseen(100) in range(11)
    assert sync.sync_unseen(100) == 0


def test_one_periodic_task_seen_by_several_at_once_gets_one_schedule(at_once: Callable[..., list[Any]]) -> None:
    row = IntervalSchedule.objects.create(every=30, period="seconds")
    for number in range(ROUNDS):
        [task] = PeriodicTask.objects.bulk_create([PeriodicTask(name=f"{number}", task="pulse.noop", interval=row)])
        at_once(lambda pk=task.pk: sync.sync(pk), threads=4)
        assert Schedule.objects.filter(periodic_task=task).count() == 1


def one() -> str:
    """A schedule that is due now."""
    return services.create(handler_name="pulse.noop", interval_s=3600).pk


def in_thread(function: Callable[[], Any]) -> Any:
    """What the function returns over a database connection of its own, in at most ten seconds."""
    found: list[Any] = []

    def run() -> None:
        try:
            found.append(function())
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(timeout=10)
    assert not thread.is_alive()
    return found[0]
