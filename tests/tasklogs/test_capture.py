"""Everything a run says is in its log, with the stage and task it was said in."""

import asyncio
import contextvars
import logging
import sys
import threading
import warnings

import pytest
from django.db import ProgrammingError, connection, transaction

from pulse import clock
from pulse.errors import Cancelled
from pulse.models import Job
from tasklogs.capture import RunLogHandler
from tasklogs.models import TaskLog

pytestmark = pytest.mark.django_db(transaction=True)


def told(lines):
    """What the handler said, without the first and the last line, which are ours."""
    return [(line.level, line.stage, line.task_id, line.message) for line in lines[1:-1]]


def test_lines_carry_stage_task_and_level_and_are_numbered_from_one(perform, lines_of):
    def work(run):
        run.log.info("before")
        run.stage("read", "Reading")
        run.log.debug("a %s", "detail")
        with run.task("item-7"):
            run.log.warning("odd")
        run.stage("write")
        run.log.error("bad")
        run.log.critical("worse")

    lines = lines_of(perform(work))

    assert [line.seq for line in lines] == list(range(1, 10))
    assert [line.id for line in lines] == sorted(line.id for line in lines)
    assert (lines[0].stage, lines[0].level, lines[0].message) == (
        "test.work",
        "info",
        "Starting test.work, attempt 1",
    )
    assert told(lines) == [
        ("info", "test.work", None, "before"),
        ("info", "read", None, "Reading"),
        ("debug", "read", None, "a detail"),
        ("warn", "read", "item-7", "odd"),
        ("info", "write", None, "Stage write"),
        ("error", "write", None, "bad"),
        ("error", "write", None, "worse"),
    ]


def test_the_last_line_says_how_long_it_took_in_the_numbers_of_the_execution(perform, lines_of):
    execution = perform(lambda run: run.stage("end"))
    last = lines_of(execution)[-1]
    assert last.message == f"Completed in {execution.duration_ms} ms"
    assert (last.level, last.stage, last.timestamp, last.metadata) == ("info", "end", execution.completed_at, None)


def test_any_logger_print_and_stderr_are_in_the_log_and_pass_on(perform, lines_of, capfd):
    def work(run):
        logging.getLogger("somebody.else").info("from a library", extra={"size": 3})
        print("printed", 1)  # noqa: T201
        sys.stderr.write("no end of line")

    lines = lines_of(perform(work))
    assert told(lines) == [
        ("info", "test.work", None, "from a library"),
        ("info", "test.work", None, "printed 1"),
        ("warn", "test.work", None, "no end of line"),
    ]
    assert lines[1].metadata == {"logger": "somebody.else", "size": 3}
    assert [line.metadata for line in lines[2:4]] == [{"stream": "stdout"}, {"stream": "stderr"}]
    out, err = capfd.readouterr()
    assert out == "printed 1\n"
    assert "no end of line" in err


def test_print_makes_one_line_of_each_line_whatever_the_pieces(perform, lines_of):
    def work(run):
        sys.stdout.write("one\ntw")
        sys.stdout.writelines(["o\r\n", "\n", "three"])
        print()  # noqa: T201

    assert [line.message for line in lines_of(perform(work))[1:-1]] == ["one", "two", "three"]


def test_a_handler_of_logging_that_writes_to_stderr_makes_no_second_line(perform, lines_of):
    def work(run):
        second = logging.StreamHandler()
        logging.getLogger("twice").addHandler(second)
        logging.getLogger("twice").warning("once")
        logging.getLogger("twice").removeHandler(second)

    assert told(lines_of(perform(work))) == [("warn", "test.work", None, "once")]


def test_a_warning_is_a_line(perform, lines_of):
    def work(run):
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.showwarning = lambda message, *rest, **more: sys.stderr.write(f"{message}\n")
            warnings.warn("out of fashion", stacklevel=1)

    assert told(lines_of(perform(work))) == [("warn", "test.work", None, "out of fashion")]


def test_a_thread_that_copies_the_context_logs_into_the_run(perform, lines_of):
    def work(run):
        thread = threading.Thread(target=contextvars.copy_context().run, args=(run.log.info, "beside"))
        thread.start()
        thread.join()

    assert told(lines_of(perform(work))) == [("info", "test.work", None, "beside")]


def test_a_logged_exception_keeps_its_traceback(perform, lines_of):
    def work(run):
        try:
            raise ValueError("deep")
        except ValueError:
            run.log.exception("went wrong")

    line = lines_of(perform(work))[1]
    assert (line.level, line.message) == ("error", "went wrong")
    assert line.metadata["traceback"].startswith("Traceback (most recent call last):\n")
    assert line.metadata["traceback"].endswith("ValueError: deep")


def test_metadata_of_any_kind_is_kept(perform, lines_of):
    def work(run):
        run.log.info("a", extra={"metadata": {"url": "https://x", "n": 1, "at": {"deep": [1, None]}}})
        run.log.info(
            "b", extra={"metadata": {"nan": float("nan"), "set": {1}, 5: object, "bytes": b"\x00"}, "more": 2}
        )
        run.log.info("c", extra={"metadata": "words"})

    lines = lines_of(perform(work))
    assert lines[1].metadata == {"url": "https://x", "n": 1, "at": {"deep": [1, None]}}
    assert lines[2].metadata == {"nan": "nan", "set": [1], "5": "<class 'object'>", "bytes": "b'\\x00'", "more": 2}
    assert lines[3].metadata == {"metadata": "words"}


def test_what_postgresql_cannot_store_is_shown_and_the_rest_is_kept_as_it_is(perform, lines_of):
    def work(run):
        run.stage("st\x00age")
        with run.task("a\x00b"):
            run.log.info(
                "nul \x00, half \udcff, colour \x1b[31mred\x1b[0m, 🙂", extra={"metadata": {"k\x00": "\udcff\x00"}}
            )

    line = lines_of(perform(work))[2]
    assert line.message == "nul ␀, half \\udcff, colour \x1b[31mred\x1b[0m, 🙂"
    assert (line.stage, line.task_id, line.metadata) == ("st␀age", "a␀b", {"k␀": "\\udcff␀"})


def test_a_message_of_many_megabytes_is_stored_whole(perform, lines_of):
    text = "0123456789" * 500_000
    execution = perform(lambda run: run.log.info(text))
    assert lines_of(execution)[1].message == text


def test_labels_that_are_too_long_keep_both_ends(perform, lines_of):
    def work(run):
        with run.task("/folder" * 200 + "/file-1.csv"):
            run.log.info("x")

    task = lines_of(perform(work))[1].task_id
    assert len(task) == 500
    assert task.startswith("/folder/folder")
    assert task.endswith("/file-1.csv")


def test_a_message_whose_arguments_do_not_fit_is_kept_with_them(perform, lines_of):
    alone = logging.Logger("alone")
    alone.addHandler(RunLogHandler())
    line = lines_of(perform(lambda run: alone.info("%d items", "many")))[1]
    assert line.message == "'%d items' with ('many',) (not formatted: %d format: a real number is required, not str)"


def test_an_object_that_cannot_be_shown_breaks_nothing(perform, lines_of, monkeypatch):
    class Broken:
        def __str__(self):
            raise RuntimeError("no words")

    monkeypatch.setattr(logging, "raiseExceptions", False)
    alone = logging.Logger("alone")
    alone.addHandler(RunLogHandler())

    def work(run):
        alone.info(Broken())
        alone.info("after")

    execution = perform(work)
    assert execution.status == "completed"
    assert [line.message for line in lines_of(execution)[1:-1]] == ["after"]


def test_sql_and_celery_do_not_log_into_runs(perform, lines_of):
    def work(run):
        for name in ("django.db.backends", "kombu.x", "celery.app.trace", "tasklogs.flusher"):
            logging.getLogger(name).error("plumbing")
        logging.getLogger("celery.task").error("a task's own")

    assert told(lines_of(perform(work))) == [("error", "test.work", None, "a task's own")]


def test_nothing_is_captured_outside_a_run(perform):
    perform(lambda run: None)
    before = TaskLog.objects.count()
    logging.getLogger("pulse.run").info("outside")
    print("outside")  # noqa: T201
    assert TaskLog.objects.count() == before


def test_a_log_call_is_a_checkpoint_and_its_line_is_kept(perform, lines_of, monkeypatch):
    monkeypatch.setattr("pulse.run.SYNC_EVERY_S", 0.0)

    def work(run):
        Job.objects.filter(pk=run.job_id).update(cancel_requested_at="2026-01-01T00:00:00Z")
        try:
            run.log.info("last words")
        except Exception:  # noqa: BLE001  a handler's own, which must not catch it
            pytest.fail("Cancelled is no Exception")
        run.log.info("never said")

    execution = perform(work)
    assert (execution.status, execution.error_code) == ("failed", "cancelled")
    lines = lines_of(execution)
    assert [line.message for line in lines[1:]] == [
        "last words",
        f"Cancelled after {execution.duration_ms} ms: cancelled: cancelled by an operator",
    ]
    assert lines[-1].level == "warn"


def test_a_run_that_swallows_cancelled_is_asked_again(perform, monkeypatch):
    monkeypatch.setattr("pulse.run.SYNC_EVERY_S", 0.0)
    asked = []

    def work(run):
        Job.objects.filter(pk=run.job_id).update(cancel_requested_at="2026-01-01T00:00:00Z")
        for _ in range(2):
            try:
                run.log.info("on")
            except Cancelled:
                asked.append(1)

    perform(work)
    assert asked == [1, 1]


def test_logging_leaves_the_handlers_open_transaction_alone_broken_or_not(perform, lines_of, monkeypatch):
    monkeypatch.setattr("pulse.run.SYNC_EVERY_S", 0.0)

    def work(run):
        with transaction.atomic():
            TaskLog.objects.create(execution_id="PX_mine", seq=1, timestamp=clock.now(), message="x")
            with pytest.raises(ProgrammingError), transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SELECT * FROM nowhere")
            run.log.info("still here")
        connection.set_autocommit(False)
        try:
            with connection.cursor() as cursor, pytest.raises(ProgrammingError):
                cursor.execute("SELECT * FROM nowhere")
            run.log.info("and here")
            assert connection.connection is not None
        finally:
            connection.rollback()
            connection.set_autocommit(True)

    execution = perform(work)
    assert execution.status == "completed", execution.error_message
    assert told(lines_of(execution)) == [
        ("info", "test.work", None, "still here"),
        ("info", "test.work", None, "and here"),
    ]
    assert TaskLog.objects.filter(execution_id="PX_mine").exists()


def test_a_handler_that_runs_an_event_loop_may_log(perform, lines_of, monkeypatch):
    monkeypatch.setattr("pulse.run.SYNC_EVERY_S", 0.0)

    async def inside(run):
        run.stage("fetching")
        await asyncio.gather(asyncio.to_thread(run.log.info, "in a thread"), asyncio.sleep(0))
        print("printed")  # noqa: T201

    def work(run):
        asyncio.run(inside(run))
        run.log.info("outside again")

    execution = perform(work)
    assert execution.status == "completed", execution.error_message
    assert told(lines_of(execution)) == [
        ("info", "fetching", None, "Stage fetching"),
        ("info", "fetching", None, "in a thread"),
        ("info", "fetching", None, "printed"),
        ("info", "fetching", None, "outside again"),
    ]
