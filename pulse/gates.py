"""Gates: the questions asked before a job runs, in the order of settings.PULSE_GATES.

A gate is an object with `ask(claim)` and `release(claim)`. It must answer within milliseconds. A gate named in the
settings that cannot be loaded stops every process at start.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Final, Protocol

from django.conf import settings
from django.core.signals import setting_changed
from django.utils.module_loading import import_string

from pulse import clock, slots, switchboard
from pulse.registry import registry
from pulse.run import Claim
from pulse.states import PauseReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Go, or pause until / because."""

    may_run: bool
    reason: PauseReason | None = None
    because: str = ""  # one sentence for people
    resume_at: datetime | None = None  # when asking again makes sense; None: when a person or an event says so
    gate: str = ""  # dotted path of the gate that refused; filled in by `ask_all`


GO: Final = Verdict(may_run=True)


class Gate(Protocol):
    def ask(self, claim: Claim) -> Verdict:
        """May be asked again for the same claim, where the database went away: what it took is not taken twice."""

    def release(self, claim: Claim) -> None:
        """Give back what `ask` took, because a later gate refused."""


class PausedGate:
    """Refuses what an operator has switched off: everything, the job's queue or its handler."""

    def ask(self, claim: Claim) -> Verdict:
        queue = registry.get(claim.handler_name).queue
        switch = switchboard.off_for(queue=queue, handler_name=claim.handler_name)
        if switch is None:
            return GO
        what = {"all": "all work", "queue": f"queue '{switch.name}'", "handler": f"handler '{switch.name}'"}
        because = f"{what[switch.scope]} is paused by an operator{f': {switch.reason}' if switch.reason else ''}"
        return Verdict(may_run=False, reason=PauseReason.USER_REQUESTED, because=because)

    def release(self, claim: Claim) -> None:
        """Nothing was taken."""


class ConcurrencyGate:
    """Refuses a job while as many of its handler, or with its key, run as may run at once over all workers."""

    def ask(self, claim: Claim) -> Verdict:
        for name, limit in slots.limits_of(claim.handler_name, claim.concurrency_key):
            if not slots.take(claim.job_id, name, limit):
                slots.free(claim.job_id)
                kind, _, what = name.partition(":")
                because = f"{limit} of {limit} jobs of {kind} '{what}' are running; it starts when one of them ends"
                return Verdict(may_run=False, reason=PauseReason.CONCURRENCY_LIMITED, because=because)
        return GO

    def release(self, claim: Claim) -> None:
        if slots.limits_of(claim.handler_name, claim.concurrency_key):
            slots.free(claim.job_id)


class SystemLoadGate:
    """Refuses while this worker's machine is too busy; on machines that give no figures it never does."""

    def ask(self, claim: Claim) -> Verdict:
        pressure = switchboard.busy_pct()
        if pressure is None:
            return GO
        wait_s = settings.PULSE_LOAD_ASK_AGAIN_S
        because = f"this machine is {pressure:.0f} % busy; the job is asked again in {wait_s:.0f} s"
        until = clock.now() + timedelta(seconds=wait_s)
        return Verdict(may_run=False, reason=PauseReason.SYSTEM_BUSY, because=because, resume_at=until)

    def release(self, claim: Claim) -> None:
        """Nothing was taken."""


paused = PausedGate()
concurrency = ConcurrencyGate()
system_load = SystemLoadGate()


@cache
def gates() -> tuple[tuple[str, Gate], ...]:
    """The gates of the settings, in their order. Raises ImportError for one that is not there."""
    return tuple((path, import_string(path)) for path in settings.PULSE_GATES)


def ask_all(claim: Claim) -> Verdict:
    """The first refusal, or GO. What the gates before a refusing one had taken is given back."""
    passed: list[Gate] = []
    for path, gate in gates():
        verdict = gate.ask(claim)
        if not verdict.may_run:
            for earlier in reversed(passed):
                earlier.release(claim)
            return replace(verdict, gate=path)
        passed.append(gate)
    return GO


def _forget(*, setting: str, **_: object) -> None:
    if setting == "PULSE_GATES":
        gates.cache_clear()


setting_changed.connect(_forget)
