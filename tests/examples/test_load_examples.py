"""`manage.py load_examples` makes three schedules that are due at once, and never a second time."""

import io
import os
import subprocess
import sys

import pytest
from django.conf import settings
from django.core.management import call_command

from examples.schedules import SCHEDULES
from pulse import clock
from schedules import services
from schedules.models import Schedule

pytestmark = pytest.mark.django_db


def load():
    out = io.StringIO()
    call_command("load_examples", stdout=out)
    return out.getvalue().splitlines()


def test_three_active_schedules_are_made_and_due_at_once():
    assert load() == [
        "Import the orders: every 30 s, from now on",
        "Add up the revenue: every 20 s, from now on",
        "Index the admin's templates: every 60 s, from now on",
    ]
    made = Schedule.objects.order_by("created_at")
    assert [schedule.handler_name for schedule in made] == [declared.handler_name for declared in SCHEDULES]
    assert [schedule.interval_s for schedule in made] == [30, 20, 60]
    assert all(schedule.state == "active" and schedule.next_run_at <= clock.now() for schedule in made)


def test_loading_again_makes_none_twice_and_undoes_no_change():
    load()
    first, second, third = Schedule.objects.order_by("created_at")
    services.delete(first.pk)
    services.pause(second.pk, reason="enough")
    services.update(third.pk, name="Mine now", interval_s=3600)
    assert load() == [
        "Import the orders: left as it is (deleted)",
        "Add up the revenue: left as it is (paused)",
        "Index the admin's templates: left as it is (active)",
    ]
    assert Schedule.objects.count() == 3
    third.refresh_from_db()
    assert (third.name, third.interval_s) == ("Mine now", 3600)


def test_without_the_app_it_says_what_to_do():
    command = [sys.executable, "manage.py", "load_examples"]
    environment = {**os.environ, "PULSE_EXTRA_APPS": ""}
    loaded = subprocess.run(command, cwd=settings.BASE_DIR, env=environment, capture_output=True, text=True)
    assert loaded.returncode == 1
    message = "CommandError: the app 'examples' is not installed: name it in PULSE_EXTRA_APPS"
    assert loaded.stderr.splitlines()[-1] == message
