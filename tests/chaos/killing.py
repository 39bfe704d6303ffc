"""A minute of bad luck: what is killed, when, and for how long it is gone, as a seed decides."""

import random
import time
from collections.abc import Callable
from functools import partial

from tests.chaos.machine import Machine

PAUSE_S = (0.1, 1.2)  # between one blow and the next
GONE_S = (0.0, 1.5)  # until what was killed is started again
TOGETHER = 0.3  # of the blows hit a second thing while the first one is gone
START_AGAIN_S = 20.0

Kill = Callable[[], Callable[[], None]]


def kinds(machine: Machine, chance: random.Random) -> list[Kill]:
    """Each way to kill something; those that come more often stand more than once."""
    processes: list[Kill] = [partial(machine.kill, name) for name in machine.pulse]
    return [
        *processes,
        lambda: machine.kill_pool_process(chance),
        lambda: machine.kill_pool_process(chance),
        lambda: machine.kill_valkey(loses_data=False),
        lambda: machine.kill_valkey(loses_data=True),
        machine.kill_postgres,
        lambda: machine.kill_backend(chance),
    ]


def kill_for(machine: Machine, seconds: float, chance: random.Random) -> None:
    """Kill at random until the time is over: everything once before anything twice. All runs again at the end."""
    until = time.monotonic() + seconds
    waiting: list[Kill] = []
    while time.monotonic() < until:
        if not waiting:
            waiting = kinds(machine, chance)
            chance.shuffle(waiting)
        blows = [waiting.pop()]
        if waiting and chance.random() < TOGETHER:
            blows.append(waiting.pop())
        starts = [blow() for blow in blows]
        for start in starts:
            time.sleep(chance.uniform(*GONE_S) / len(starts))
            again(start)
        machine.look_after()
        time.sleep(chance.uniform(*PAUSE_S))


def again(start: Callable[[], None]) -> None:
    """What a server's own processes still hold after its death is let go within moments."""
    deadline = time.monotonic() + START_AGAIN_S
    while True:
        try:
            return start()
        except Exception:  # noqa: BLE001  whatever keeps it from starting, as a supervisor does
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
