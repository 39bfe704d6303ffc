"""Receivers of django-celery-beat's changes of PeriodicTasks: the schedule beside each keeps up with it."""

from typing import Any

from django.db.models.signals import post_save, pre_delete
from django.dispatch import receiver
from django_celery_beat.models import PeriodicTask

from schedules import sync


@receiver(post_save, sender=PeriodicTask)
def follow_saved(*, instance: PeriodicTask, raw: bool, **_: Any) -> None:
    if not raw:  # a fixture brings its own schedules
        sync.sync(instance.pk)


@receiver(pre_delete, sender=PeriodicTask)
def follow_deleted(*, instance: PeriodicTask, **_: Any) -> None:
    sync.retire(instance.pk)
