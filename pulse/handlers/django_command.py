"""`django.command`: an allow-listed management command, its output in the run's log."""

import io
import logging
import time
from typing import Annotated, Any, Final, Self

from django.conf import settings
from django.core.management import call_command, get_commands, load_command_class
from django.core.management.base import CommandError
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, model_validator

from pulse.handlers.faults import fault
from pulse.registry import handler
from pulse.run import Run

OURS: Final = frozenset({"stdout", "stderr", "no_color", "force_color"})  # options about where the output goes
QUESTIONS: Final = frozenset({"-h", "--help", "--version"})  # argparse answers them itself, and exits


class CommandFailed(Exception):
    """The command ended its process with another exit code than 0."""


def check_name(name: str) -> str:
    """`name` if the settings allow it and it exists."""
    allowed = sorted(settings.PULSE_DJANGO_COMMANDS)
    if name not in allowed:
        raise fault(f"command '{name}' is not allowed; PULSE_DJANGO_COMMANDS allows: {', '.join(allowed) or 'none'}")
    if name not in get_commands():
        raise fault(f"command '{name}' is allowed, but no installed app has it")
    return name


def list_allowed(schema: dict[str, Any]) -> None:
    schema["enum"] = sorted(settings.PULSE_DJANGO_COMMANDS)


class DjangoCommand(BaseModel):
    model_config = ConfigDict(extra="forbid")

    command: Annotated[str, AfterValidator(check_name)] = Field(
        description="One of settings.PULSE_DJANGO_COMMANDS.", json_schema_extra=list_allowed
    )
    args: list[str] = Field(default_factory=list, description='As on the command line: ["--deploy"].')
    options: dict[str, JsonValue] = Field(
        default_factory=dict, description='By their Python names: {"verbosity": 2}.'
    )

    @model_validator(mode="after")
    def check_usage(self) -> Self:
        if taken := sorted(OURS & set(self.options)):
            raise fault(f"option '{taken[0]}' is not for a job to set: the output goes to its log")
        if wrong := usage_error(self.command, self.args, self.options):
            raise fault(wrong)
        return self


def usage_error(name: str, args: list[str], options: dict[str, JsonValue]) -> str | None:
    """Why the command would refuse these arguments, in its own words; None when it takes them."""
    if QUESTIONS & set(args):
        return "--help and --version are not for a job to ask"
    command = load_command_class(get_commands()[name], name)
    command.execute = lambda *_, **__: None  # type: ignore[method-assign]  # parse as Django does, and stop there
    try:
        call_command(command, *args, **options)
    except SystemExit:
        return "these arguments end the command before it begins"
    except (CommandError, TypeError, ValueError) as error:
        return str(error).removeprefix("Error: ")
    return None


class LineLog(io.TextIOBase):
    """A text stream whose lines go to a logger; what was written without a line's end waits for it."""

    def __init__(self, log: logging.Logger, level: int) -> None:
        self.log = log
        self.level = level
        self.pending = ""
        self.last = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        *complete, self.pending = (self.pending + text).split("\n")
        for line in complete:
            self._say(line)
        return len(text)

    def end(self) -> None:
        """Log what is left without a line's end."""
        pending, self.pending = self.pending, ""
        if pending:
            self._say(pending)

    def _say(self, line: str) -> None:
        line = line.rpartition("\r")[2] if not line.endswith("\r") else line[:-1]  # what a terminal would show
        self.log.log(self.level, "%s", line)
        self.last = line.strip() or self.last


@handler(
    "django.command",
    payload=DjangoCommand,
    timeout_s=3600,
    cost_estimate_usd=0,
    description="Runs a management command that PULSE_DJANGO_COMMANDS allows; its output is the log.",
)
def django_command(run: Run[DjangoCommand]) -> str:
    """Output is information, error output a warning; a cancelled job stops at the command's next line."""
    wanted = run.payload
    run.stage(wanted.command, f"manage.py {' '.join([wanted.command, *wanted.args])}")
    stdout = LineLog(run.log, logging.INFO)
    stderr = LineLog(run.log, logging.WARNING)
    begun = time.monotonic()
    try:
        call_command(wanted.command, *wanted.args, **wanted.options, no_color=True, stdout=stdout, stderr=stderr)
    except SystemExit as leaving:
        if leaving.code not in (None, 0):
            raise CommandFailed(f"{wanted.command} ended with exit code {leaving.code}") from None
    finally:
        stdout.end()
        stderr.end()
    duration_ms = round((time.monotonic() - begun) * 1000)
    return f"{wanted.command} in {duration_ms:,} ms: {stdout.last or stderr.last or 'no output'}"
