"""`manage.py load_examples`: three schedules with visible work, for a first look."""

from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError

from examples.schedules import SCHEDULES, Declared
from pulse.errors import PulseError
from schedules import services
from schedules.models import Schedule


class Command(BaseCommand):
    help = "Put the examples on the schedule. Those that are there already, or were deleted, are left as they are."

    def handle(self, *args: Any, **options: Any) -> None:
        if not apps.is_installed("examples"):
            raise CommandError("the app 'examples' is not installed: name it in PULSE_EXTRA_APPS")
        for declared in SCHEDULES:
            try:
                told = load(declared)
            except PulseError as error:
                raise CommandError(f"{declared.name}: {error}") from error
            self.stdout.write(f"{declared.name}: {told}")


def load(declared: Declared) -> str:
    """Make the schedule unless it was made before. Returns what there is now, in words. Raises PulseError."""
    known = Schedule.objects.filter(created_from=declared.mark).first()
    if known is not None:
        return f"left as it is ({known.state})"
    services.create(
        name=declared.name,
        handler_name=declared.handler_name,
        payload=declared.payload,
        interval_s=declared.interval_s,
        created_from=declared.mark,
    )
    return f"every {declared.interval_s} s, from now on"
