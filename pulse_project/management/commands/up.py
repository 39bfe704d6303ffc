"""`manage.py up`: all of Pulse on this machine, until Ctrl+C."""

import os
import sys
from argparse import ArgumentParser
from io import TextIOWrapper
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from pulse_project.embedded.errors import CannotStart
from pulse_project.embedded.stack import Stack, StopRequested
from pulse_project.embedded.terminal import Terminal


def usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Command(BaseCommand):
    help = "Start PostgreSQL, Valkey, web, worker and beat, and keep them running until Ctrl+C."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--port", type=int, default=settings.PULSE_PORT, help="of the web pages (default %(default)s)"
        )
        parser.add_argument(
            "--concurrency",
            type=int,
            default=max(2, usable_cores()),
            help="jobs that run side by side (default %(default)s)",
        )
        parser.add_argument("--bare", action="store_true", help="a first start makes no example schedules")

    def handle(self, *args: Any, port: int, concurrency: int, bare: bool, **options: Any) -> None:
        if isinstance(sys.stdout, TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")  # a terminal that has no ✓ shall see the rest
        terminal = Terminal(sys.stdout)
        stack = Stack(
            project=settings.BASE_DIR,
            data=settings.PULSE_DATA_DIR,
            announcement=settings.SERVICES_ENV_FILE,
            given=settings.PULSE_SERVERS_GIVEN,
            port=port,
            concurrency=concurrency,
            with_examples=not bare,
            terminal=terminal,
        )
        try:
            stack.run()
        except StopRequested:
            terminal.say("Pulse has stopped. The data stays where it is.")
        except CannotStart as fault:
            raise SystemExit(f"✗ {fault}") from None
