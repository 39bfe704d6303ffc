"""Which jobs are asked for, when and how: the same ones for the same seed. Pure."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

BULK = 20  # jobs asked for in one call
ASKING_SHARE = 0.8  # of the time of the killing: the rest is for what is still queued
Via = Literal["web", "code", "bulk", "once"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One call; `bulk` asks for several jobs at once."""

    number: int
    handler_name: str
    via: Via
    payload: dict[str, Any]
    after_s: float  # since the asking began
    jobs: int = 1
    delay_s: float = 0.0  # until it may run
    options: dict[str, Any] = field(default_factory=dict)


Draft = dict[str, Any]


def work(chance: random.Random) -> Draft:
    return {"handler_name": "chaos.work", "via": chance.choice(["web", "code", "code"])}


def urgent_or_not(chance: random.Random) -> Draft:
    return {"handler_name": "chaos.work", "via": "code", "options": {"priority": chance.randrange(10)}}


def bulk(chance: random.Random) -> Draft:
    return {"handler_name": "chaos.work", "via": "bulk", "jobs": BULK}


def chunked(chance: random.Random) -> Draft:
    return {"handler_name": "chaos.chunked", "via": "bulk", "jobs": BULK, "payload": {"seconds": 0.05}}


def fragile_chunked(chance: random.Random) -> Draft:
    return {"handler_name": "chaos.fragile-chunked", "via": "bulk", "jobs": BULK, "payload": {"seconds": 0.05}}


def long(chance: random.Random) -> Draft:
    return {"handler_name": "chaos.work", "via": "code", "payload": {"seconds": round(chance.uniform(1, 3), 1)}}


def later(chance: random.Random) -> Draft:
    return {"handler_name": "chaos.work", "via": "code", "delay_s": round(chance.uniform(0.5, 5), 1)}


def flaky(chance: random.Random) -> Draft:
    return {"handler_name": "chaos.flaky", "via": "web", "payload": {"failures": chance.randint(1, 3)}}


def broken(chance: random.Random) -> Draft:
    return {"handler_name": "chaos.broken", "via": "code"}


def fragile(chance: random.Random) -> Draft:
    return {"handler_name": "chaos.fragile", "via": "code", "payload": {"seconds": round(chance.uniform(0, 1), 1)}}


def limited(chance: random.Random) -> Draft:
    return {"handler_name": "chaos.limited", "via": "code", "payload": {"seconds": 0.2}}


def keyed(chance: random.Random) -> Draft:
    key = {"concurrency_key": chance.choice("abc")}
    return {"handler_name": "chaos.keyed", "via": "code", "payload": {"seconds": 0.2}, "options": key}


def once(chance: random.Random) -> Draft:
    return {"handler_name": "chaos.once", "via": "once", "options": {"key": f"active {chance.randrange(4)}"}}


def once_for_an_hour(chance: random.Random) -> Draft:
    options = {"key": f"hour {chance.randrange(6)}", "for_s": 3600.0}
    return {"handler_name": "chaos.once", "via": "once", "options": options}


def parent(chance: random.Random) -> Draft:
    children = chance.randint(1, 4)
    return {"handler_name": "chaos.parent", "via": "code", "payload": {"children": children}, "jobs": 1 + children}


# Kinds of calls, each with how often it comes.
KINDS: dict[Callable[[random.Random], Draft], int] = {
    work: 30,
    urgent_or_not: 10,
    bulk: 1,
    chunked: 1,
    fragile_chunked: 1,
    long: 4,
    later: 4,
    flaky: 6,
    broken: 2,
    fragile: 3,
    limited: 6,
    keyed: 6,
    once: 5,
    once_for_an_hour: 3,
    parent: 4,
}


def plan(seed: int, *, jobs: int, seconds: float) -> list[Ask]:
    """Calls that ask for about that many jobs, each kind at least once, spread over the time."""
    drafts = list(_drafts(random.Random(seed), jobs))
    pace_s = ASKING_SHARE * seconds / len(drafts)
    return [_ask(number, number * pace_s, draft) for number, draft in enumerate(drafts)]


def _drafts(chance: random.Random, jobs: int) -> Iterator[Draft]:
    first = list(KINDS)
    chance.shuffle(first)
    while jobs > 0:
        kind = first.pop() if first else chance.choices(list(KINDS), list(KINDS.values()))[0]
        draft = kind(chance)
        jobs -= draft.get("jobs", 1)
        yield draft


def _ask(number: int, after_s: float, draft: Draft) -> Ask:
    payload = {"number": number, **draft.get("payload", {})}
    return Ask(number=number, after_s=after_s, **draft | {"payload": payload})
