"""What an operator turns off and on: everything, a queue or a handler."""

from django.db import transaction

from pulse import clock, switchboard
from pulse.models import Job, Switch


def switch_off(scope: Switch.Scope, name: str = "", *, reason: str = "") -> Switch:
    """Keep all jobs, a queue's or a handler's from starting. Asking twice changes the reason."""
    switch, _ = Switch.objects.update_or_create(scope=scope, name=name, defaults={"reason": reason})
    switchboard.forget()
    return switch


def switch_on(scope: Switch.Scope, name: str = "") -> None:
    """Let them start again; the jobs that waited for it go back to the queue."""
    with transaction.atomic():
        Switch.objects.filter(scope=scope, name=name).delete()
        Job.objects.held_by_switch(scope=scope, name=name).update(resume_at=clock.now())
    switchboard.forget()
