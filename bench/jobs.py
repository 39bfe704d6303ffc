"""Jobs: Pulse against bare Celery and Celery with django-celery-results, all in one run.

`python -m bench.jobs [--jobs 20000] [--rounds 3]`. Ratios count: the machine is shared.
"""

import argparse
import json

import django
from django.core.management import call_command

from bench import stack


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--jobs", type=int, default=20_000)
    arguments.add_argument("--rounds", type=int, default=1)
    arguments.add_argument("--backlog", type=int, default=100_000)
    given = arguments.parse_args()
    with stack.servers() as folder:
        django.setup()
        call_command("migrate", verbosity=0)
        from bench.jobs_cases import Cases  # noqa: PLC0415  models can be imported only now

        report(Cases(folder, given).measure())


def report(figures: dict[str, float]) -> None:
    for name, value in figures.items():
        print(f"{name:28} {value:>12.2f}")
    print("RESULT " + json.dumps({name: round(value, 3) for name, value in figures.items()}))


if __name__ == "__main__":
    main()
