"""Starts a process again that died, and stops all in order."""

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from pulse_project.embedded.errors import CannotStart
from pulse_project.embedded.process import Child
from pulse_project.embedded.terminal import Terminal

LOOK_EVERY_S = 0.2
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
STEADY_AFTER_S = 60.0  # what ran this long starts its pauses anew


def pause_s(failures: int) -> float:
    """Seconds before a start after `failures` deaths in a row (from 1): 0.5, 1, 2 ... capped at 30."""
    return min(FIRST_PAUSE_S * 2.0 ** (failures - 1), LONGEST_PAUSE_S)


@dataclass
class Service:
    """A child and how to start it, with what it needs to be ready."""

    child: Child
    start: Callable[[], None]
    failures: int = 0
    started_at: float = 0.0  # time.monotonic()
    again_at: float | None = None  # when to start it again; None: it runs


class Supervisor:
    """Services in the order of their start; they stop in the opposite order."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal
        self.services: list[Service] = []

    def start(self, child: Child, start: Callable[[], None] | None = None) -> None:
        """Start and keep it. Whatever `start` (default: the child's own) raises goes through."""
        service = Service(child, start or child.start)
        self.services.append(service)
        service.started_at = time.monotonic()
        service.start()

    def watch(self) -> None:
        """For ever, until a signal's handler raises."""
        while True:
            for service in self.services:
                self.look_after(service)
            time.sleep(LOOK_EVERY_S)

    def look_after(self, service: Service) -> None:
        now = time.monotonic()
        if service.again_at is not None:
            if now >= service.again_at:
                self.start_again(service)
        elif not service.child.is_running():
            self.plan_restart(service, how_it_ended(service.child.exit_code()), now)

    def plan_restart(self, service: Service, how: str, now: float) -> None:
        service.failures = 1 if now - service.started_at > STEADY_AFTER_S else service.failures + 1
        service.child.end_group()
        pause = pause_s(service.failures)
        service.again_at = now + pause
        self.terminal.say(f"! {service.child.name} {how}: started again in {pause:g} s. Log: {service.child.log}")

    def start_again(self, service: Service) -> None:
        service.again_at, service.started_at = None, time.monotonic()
        try:
            service.start()
        except (CannotStart, OSError) as fault:
            self.plan_restart(service, f"did not start ({fault})", time.monotonic())

    def stop(self) -> None:
        """Last started, first stopped. What runs no more is swept up all the same."""
        while self.services:
            child = self.services.pop().child
            with self.terminal.step(f"stopping {child.name}") as step:
                child.stop()
                step.title = f"{child.name} stopped"


def how_it_ended(code: int | None) -> str:
    if code is not None and code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"
