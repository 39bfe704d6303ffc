"""Lines reach the table while the run goes on; while the database is away they wait, and none is lost unsaid."""

import json
import multiprocessing
import os
import threading
import time

import pytest
from django.db import connection

from pulse import stream
from pulse.states import JobStatus
from tasklogs import buffers
from tasklogs.flusher import flusher
from tasklogs.models import TaskLog
from tests.waiting import wait_for

pytestmark = pytest.mark.django_db(transaction=True)


def stored(run):
    return list(
        TaskLog.objects.filter(execution_id=run.execution_id).order_by("seq").values_list("message", flat=True)
    )


def test_a_line_is_in_the_table_half_a_second_after_it_was_said(perform):
    def work(run):
        run.log.info("soon")
        began = time.monotonic()
        wait_for(lambda: stored(run) == ["Starting test.work, attempt 1", "soon"])
        return f"{time.monotonic() - began:.3f}"

    execution = perform(work)
    assert execution.status == "completed", execution.error_message
    assert float(execution.result_summary) < 2.0


def test_five_hundred_lines_do_not_wait_for_the_half_second(perform, monkeypatch):
    monkeypatch.setattr("tasklogs.flusher.WAIT_S", 60.0)

    def work(run):
        for number in range(500):
            run.log.info("%d", number)
        wait_for(lambda: len(stored(run)) >= 500)

    assert perform(work).status == "completed"


def test_the_lines_of_a_flush_are_told_to_watchers(perform, lines_of, monkeypatch):
    told = []
    monkeypatch.setattr(stream, "append", lambda message, **_: told.append(message))

    def work(run):
        run.log.info("live", extra={"metadata": {"n": 1}})
        wait_for(lambda: "live" in stored(run))

    execution = perform(work)
    flusher.stop()
    (event,) = [message for message in told if message["type"] == "log_lines"]
    assert (event["execution_id"], event["async_job_id"], event["last_seq"]) == (execution.pk, execution.job_id, 2)
    line = lines_of(execution)[1]
    assert event["lines"][1] == {
        "id": None,
        "seq": 2,
        "execution_id": execution.pk,
        "stage": "test.work",
        "task_id": None,
        "timestamp": line.timestamp.isoformat().replace("+00:00", "Z"),
        "level": "info",
        "message": "live",
        "metadata": {"n": 1},
    }


def test_a_flood_is_told_by_its_newest_lines_and_where_it_ends(perform, monkeypatch):
    told = []
    monkeypatch.setattr(stream, "append", lambda message, **_: told.append(message))

    def work(run):
        for number in range(3_000):
            run.log.info("%d", number)
        run.log.info("x" * 100_000)

    perform(work)
    flusher.stop()
    sent = [message for message in told if message["type"] == "log_lines"]
    assert max(len(event["lines"]) for event in sent) <= 200
    assert max(len(json.dumps(event)) for event in sent) < 200_000
    for event in sent:
        seqs = [line["seq"] for line in event["lines"]]
        assert seqs == list(range(event["last_seq"] - len(seqs) + 1, event["last_seq"] + 1))


def test_while_the_database_is_away_the_run_ends_well_and_its_lines_come_later(perform, database_away):
    seen = []

    def work(run):
        with database_away():
            for number in range(1_200):
                run.log.info("line %d", number)
            wait_for(lambda: flusher.failures > 1)
            seen.append(stored(run))
            run.log.info("the end")

    execution = perform(work)
    assert execution.status == JobStatus.COMPLETED
    assert len(seen[0]) < 1_200
    wait_for(lambda: len(stored_of(execution)) == 1_203)
    assert stored_of(execution)[1:-1] == [f"line {number}" for number in range(1_200)] + ["the end"]
    wait_for(lambda: not flusher.buffers)


def test_more_lines_than_memory_may_hold_wait_in_a_file(perform, database_away, spill_dir, monkeypatch):
    monkeypatch.setattr(buffers, "LIMIT_BYTES", 50_000)
    monkeypatch.setattr("tasklogs.flusher.LIMIT_BYTES", 50_000)
    sizes = []

    def work(run):
        with database_away():
            for number in range(2_000):
                run.log.info("line %d", number)
                sizes.append(buffers.current.get().size)
            (file,) = spill_dir.iterdir()
            assert file.stat().st_size > 100_000
            assert file.stat().st_mode & 0o777 == 0o600

    execution = perform(work)
    assert execution.status == "completed", execution.error_message
    assert max(sizes) < 60_000
    wait_for(lambda: len(stored_of(execution)) == 2_002)
    assert stored_of(execution)[1:-1] == [f"line {number}" for number in range(2_000)]
    wait_for(lambda: list(spill_dir.iterdir()) == [])


def test_lines_that_fit_nowhere_are_counted_and_the_log_says_so(
    perform, database_away, spill_dir, settings, monkeypatch
):
    monkeypatch.setattr(buffers, "LIMIT_BYTES", 50_000)
    monkeypatch.setattr("tasklogs.flusher.LIMIT_BYTES", 50_000)
    settings.PULSE_LOG_SPILL_MAX_BYTES = 100_000

    def work(run):
        with database_away():
            for number in range(2_000):
                run.log.info("line %d", number)
        wait_for(lambda: not flusher.failures)

    execution = perform(work)
    assert execution.status == "completed", execution.error_message
    wait_for(lambda: not flusher.buffers)
    found = stored_of(execution)
    (note,) = [message for message in found if "were dropped" in message]
    kept = sum(message.startswith("line ") for message in found)
    assert 0 < kept < 2_000
    assert note == (
        f"{2_000 - kept} lines of this log were dropped: "
        "the database could not be reached, and there was no room to keep them"
    )


def test_a_folder_that_cannot_be_written_drops_lines_but_never_breaks_the_run(
    perform, database_away, spill_dir, monkeypatch
):
    monkeypatch.setattr(buffers, "LIMIT_BYTES", 50_000)
    monkeypatch.setattr("tasklogs.flusher.LIMIT_BYTES", 50_000)
    spill_dir.write_text("a file where the folder should be")

    def work(run):
        with database_away():
            for number in range(1_000):
                run.log.info("line %d", number)

    execution = perform(work)
    assert execution.status == "completed", execution.error_message
    wait_for(lambda: any("were dropped" in message for message in stored_of(execution)))


def test_what_a_process_could_not_write_is_written_by_another(perform, database_away, spill_dir):
    def work(run):
        run.log.info("rescued")
        with database_away():
            wait_for(lambda: run.log.info("x") or flusher.failures)
            flusher.stop()

    execution = perform(work)
    assert len(list(spill_dir.iterdir())) == 1
    assert "rescued" not in stored_of(execution)

    flusher.notice(urgent=True)
    wait_for(lambda: "rescued" in stored_of(execution))
    wait_for(lambda: list(spill_dir.iterdir()) == [])
    assert stored_of(execution)[:2] == ["Starting test.work, attempt 1", "rescued"]
    assert stored_of(execution)[-1] == f"Completed in {execution.duration_ms} ms"


def test_a_line_that_is_there_already_is_not_written_twice(perform):
    def work(run):
        run.log.info("once")
        wait_for(lambda: "once" in stored(run))
        buffer = buffers.current.get()
        row = TaskLog.objects.get(execution_id=run.execution_id, message="once")
        line = buffers.Line(
            run.execution_id, run.job_id, row.seq, row.stage, None, row.timestamp, row.level, row.message, None
        )
        buffer._waiting.append(line)  # as after a write whose success was not heard of
        run.log.info("new")
        flusher.notice(urgent=True)
        wait_for(lambda: "new" in stored(run))

    execution = perform(work)
    assert execution.status == "completed", execution.error_message
    assert stored_of(execution)[1:-1] == ["once", "new"]


def test_a_line_the_database_never_takes_is_replaced_by_one_that_says_so(perform):
    def work(run):
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE task_logs ADD CONSTRAINT no_poison CHECK (message <> 'poison')")
        try:
            for text in ("before", "poison", "after"):
                run.log.info(text)
            wait_for(lambda: "after" in stored(run))
        finally:
            with connection.cursor() as cursor:
                cursor.execute("ALTER TABLE task_logs DROP CONSTRAINT no_poison")

    execution = perform(work)
    assert execution.status == "completed", execution.error_message
    assert stored_of(execution)[1:-1] == ["before", "This line could not be stored", "after"]


def test_a_producer_that_is_faster_than_the_database_waits_for_it(perform, monkeypatch):
    monkeypatch.setattr(buffers, "LIMIT_BYTES", 200_000)
    monkeypatch.setattr("tasklogs.flusher.LIMIT_BYTES", 200_000)
    sizes = []

    def work(run):
        for _ in range(500):
            run.log.info("x" * 10_000)
            sizes.append(buffers.current.get().size)

    execution = perform(work)
    assert execution.status == "completed", execution.error_message
    assert max(sizes) <= 220_000
    assert len(stored_of(execution)) == 502


def test_lines_of_many_threads_are_all_there_each_with_its_number(perform):
    def work(run):
        buffer = buffers.current.get()

        def say(who):
            for number in range(500):
                buffer.add("info", f"{who} {number}", time.time())

        threads = [threading.Thread(target=say, args=(who,)) for who in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    execution = perform(work)
    found = stored_of(execution)[1:-1]
    assert len(set(found)) == len(found) == 2_000
    for who in range(4):
        assert [text for text in found if text.startswith(f"{who} ")] == [f"{who} {number}" for number in range(500)]


def test_a_process_that_a_handler_forks_writes_none_of_its_parents_lines(perform):
    def work(run):
        run.log.info("parent")
        child = multiprocessing.get_context("fork").Process(target=_say_and_leave, args=(run,))
        child.start()
        child.join(10)
        assert child.exitcode == 0

    execution = perform(work)
    assert execution.status == "completed", execution.error_message
    assert stored_of(execution)[1:-1] == ["parent"]


def _say_and_leave(run):
    run.log.info("child")
    flusher.stop()
    os._exit(0)


def stored_of(execution):
    rows = TaskLog.objects.filter(execution_id=execution.pk).order_by("seq")
    return list(rows.values_list("message", flat=True))


def test_every_character_survives_the_copy(perform, lines_of):
    odd = "back\\slash \\N \\. tab\t nl\n cr\r \b\v\f é🙂\u2028\x1b[0m \\\\n '\" $1"

    def work(run):
        run.stage(f"stage {odd}")
        with run.task(odd):
            run.log.info("%s", odd, extra={"metadata": {odd: odd}})
        run.log.info("")
        run.log.info("\\N")
        wait_for(lambda: "\\N" in stored(run))

    execution = perform(work)
    assert execution.status == "completed", execution.error_message
    _, staged, line, empty, null, _ = lines_of(execution)
    assert (staged.stage, staged.task_id, staged.metadata) == (f"stage {odd}", None, None)
    assert (line.task_id, line.message, line.metadata) == (odd, odd, {odd: odd})
    assert (empty.message, null.message) == ("", "\\N")
