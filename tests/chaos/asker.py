"""The process that asks for the plan's jobs: `python -m tests.chaos.asker SEED JOBS SECONDS`.

It asks over the API and in code, and may be killed and started again. What Pulse took is written to its journal, and
is not asked for again; what went wrong on the way (no answer, a lost connection) is asked for until it is taken, even
if that makes it twice.
"""

import os
import sys
import time
from datetime import timedelta

import django
import requests
from django.conf import settings
from django.db import Error, connection

django.setup()

from pulse import clock, services  # noqa: E402  models need Django set up
from tests.chaos.journal import Journal, asked  # noqa: E402
from tests.chaos.plan import Ask, plan  # noqa: E402

AGAIN_AFTER_S = 0.2


class NotTaken(Exception):
    """The API gave another answer than 201."""


def main(seed: int, jobs: int, seconds: float) -> None:
    journal = asked(settings.PULSE_DATA_DIR)
    began_ns, taken = so_far(journal)
    for ask in plan(seed, jobs=jobs, seconds=seconds):
        if ask.number not in taken:
            time.sleep(max(0.0, ask.after_s - (time.monotonic_ns() - began_ns) / 1e9))
            journal.write(number=ask.number, jobs=until_taken(ask))
    journal.write(number=None, jobs=[])


def so_far(journal: Journal) -> tuple[int, set[int]]:
    """When the first asker began, and what was taken since."""
    if not journal.entries():
        journal.write(number=-1, jobs=[])
    entries = journal.entries()
    return entries[0]["at_ns"], {entry["number"] for entry in entries}


def until_taken(ask: Ask) -> list[str]:
    """The ids of its jobs."""
    while True:
        try:
            return by_web(ask) if ask.via == "web" else in_code(ask)
        except (Error, requests.RequestException, NotTaken):
            connection.close()
            time.sleep(AGAIN_AFTER_S)


def by_web(ask: Ask) -> list[str]:
    body = {"handler_name": ask.handler_name, "payload": ask.payload}
    headers = {"Authorization": f"Token {os.environ['CHAOS_TOKEN']}"}
    answer = requests.post(f"{os.environ['CHAOS_WEB']}/api/pulse/jobs/", json=body, headers=headers, timeout=5)
    if answer.status_code != 201:
        raise NotTaken(answer.text)
    return [answer.json()["id"]]


def in_code(ask: Ask) -> list[str]:
    if ask.via == "bulk":
        return [job.pk for job in services.enqueue_many(ask.handler_name, [ask.payload] * ask.jobs)]
    if ask.via == "once":
        job, _ = services.enqueue_once(ask.handler_name, ask.payload, **ask.options)
        return [job.pk]
    run_at = clock.now() + timedelta(seconds=ask.delay_s) if ask.delay_s else None
    return [services.enqueue(ask.handler_name, ask.payload, run_at=run_at, **ask.options).pk]


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
