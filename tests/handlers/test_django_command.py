"""`django.command` runs what the settings allow, and its output is the run's log."""

import logging
import sys
import types

import pytest
from django.core import management
from django.core.management.base import BaseCommand, CommandError

from pulse import engine, services
from pulse.errors import InvalidPayload
from pulse.registry import registry


class Chatty(BaseCommand):
    def add_arguments(self, parser):
        parser.add_argument("names", nargs="*")
        parser.add_argument("--fail")
        parser.add_argument("--times", type=int, default=1)

    def handle(self, *args, names, fail, times, **options):
        for name in names * times:
            self.stdout.write(f"hello {name}")
        self.stderr.write("mind the gap")
        self.stdout.write("50 %\r100 %", ending="")
        self.stdout.flush()
        if fail == "exit":
            sys.exit(3)
        if fail:
            raise CommandError(fail)


@pytest.fixture(autouse=True)
def chatty(monkeypatch, settings):
    """A command `chatty` of an app of this test."""
    name = "tests.handlers.chatty_app.management.commands.chatty"
    module = types.ModuleType(name)
    module.Command = Chatty
    monkeypatch.setattr(Chatty, "__module__", name)
    monkeypatch.setitem(sys.modules, name, module)
    commands = management.get_commands()
    monkeypatch.setitem(commands, "chatty", "tests.handlers.chatty_app")
    settings.PULSE_DJANGO_COMMANDS = ["check", "chatty", "gone"]


def lines(caplog):
    return [(record.levelname, record.getMessage()) for record in caplog.records if record.name == "pulse.run"]


def refusal(**payload):
    with pytest.raises(InvalidPayload) as refused:
        services.validated_payload("django.command", payload)
    return refused.value.details["errors"]


def test_every_line_of_output_is_a_line_of_the_log_and_the_last_one_the_summary(perform, caplog):
    job = perform("django.command", {"command": "chatty", "args": ["ann", "bob"]})
    assert job.status == "completed"
    assert job.result_summary.startswith("chatty in ")
    assert job.result_summary.endswith(" ms: 100 %")
    assert job.stage == "chatty"
    assert lines(caplog) == [
        ("INFO", "manage.py chatty ann bob"),
        ("INFO", "hello ann"),
        ("INFO", "hello bob"),
        ("WARNING", "mind the gap"),
        ("INFO", "100 %"),
    ]


def test_options_are_passed_by_their_python_names(perform, caplog):
    perform("django.command", {"command": "chatty", "args": ["ann"], "options": {"times": 3}})
    assert [text for _, text in lines(caplog)].count("hello ann") == 3


def test_a_real_command_of_django_runs(perform):
    job = perform("django.command", {"command": "check", "options": {"tags": ["models"]}})
    assert (job.status, job.error_message) == ("completed", "")
    assert job.result_summary.endswith("System check identified no issues (0 silenced).")


def test_a_command_that_fails_fails_the_try_and_keeps_its_output(perform, caplog):
    job = perform("django.command", {"command": "chatty", "args": ["ann", "--fail=the disk is full"]})
    assert (job.status, job.failures, job.error_message) == ("queued", 1, "CommandError: the disk is full")
    assert ("INFO", "100 %") in lines(caplog)


def test_a_command_that_ends_its_process_ends_only_its_job(perform):
    job = perform("django.command", {"command": "chatty", "args": ["--fail=exit"]})
    assert (job.status, job.error_message) == ("queued", "CommandFailed: chatty ended with exit code 3")


def test_a_cancelled_job_stops_its_command_at_the_next_line(db, caplog, monkeypatch):
    caplog.set_level(logging.INFO, logger="pulse.run")
    monkeypatch.setattr("pulse.run.SYNC_EVERY_S", 0.0)
    job = services.enqueue("django.command", {"command": "chatty", "args": ["ann"], "options": {"times": 100}})
    claimed = engine.claim(job.pk, worker_id="w1")

    class CancelsAtTheThird(logging.Handler):
        def emit(self, record):
            if record.getMessage() == "hello ann" and len(lines(caplog)) == 4:
                services.cancel(job.pk)

    watcher = CancelsAtTheThird()
    logging.getLogger("pulse.run").addHandler(watcher)
    try:
        engine.run(claimed)
    finally:
        logging.getLogger("pulse.run").removeHandler(watcher)
    job.refresh_from_db()
    assert job.status == "cancelled"
    assert [text for _, text in lines(caplog)].count("hello ann") < 10


def test_a_command_that_is_not_allowed_is_refused_with_the_list_of_those_that_are():
    assert refusal(command="flush") == [
        {
            "field": "payload.command",
            "message": "command 'flush' is not allowed; PULSE_DJANGO_COMMANDS allows: chatty, check, gone",
        }
    ]


def test_an_allowed_command_that_does_not_exist_is_refused():
    assert refusal(command="gone")[0]["message"] == "command 'gone' is allowed, but no installed app has it"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"args": ["--nope"]}, "unrecognized arguments: --nope"),
        ({"args": ["--times=x"]}, "argument --times: invalid int value: 'x'"),
        ({"args": ["--help"]}, "--help and --version are not for a job to ask"),
        ({"args": ["ann", "--version"]}, "--help and --version are not for a job to ask"),
        ({"args": ["-h"]}, "--help and --version are not for a job to ask"),
        ({"options": {"stdout": "x"}}, "option 'stdout' is not for a job to set: the output goes to its log"),
    ],
)
def test_arguments_that_the_command_would_not_take_are_refused(given, message, capsys):
    assert refusal(command="chatty", **given) == [{"field": "payload", "message": message}]
    assert capsys.readouterr().out == ""


def test_an_unknown_option_is_refused_with_the_options_there_are():
    message = refusal(command="chatty", options={"nope": 1})[0]["message"]
    assert message.startswith("Unknown option(s) for chatty command: nope. Valid options are: ")
    assert " times," in message


def test_looking_whether_the_arguments_fit_does_not_run_the_command(caplog, capsys):
    services.validated_payload("django.command", {"command": "chatty", "args": ["ann"]})
    assert (lines(caplog), capsys.readouterr()) == ([], ("", ""))


def test_the_schema_lists_the_allowed_commands():
    schema = registry.get("django.command").payload.model_json_schema()
    assert schema["properties"]["command"]["enum"] == ["chatty", "check", "gone"]
