"""Events to send."""

import threading
import time

from pulse import events, ids


def started(number: int = 1) -> events.ExecutionStarted:
    """An event that can be told from others by its attempt."""
    return events.ExecutionStarted(
        execution_id=ids.execution_id(),
        job_id="SP_1",
        scheduled_job_id="SP_1",
        async_job_id="JB_1",
        handler_name="test.work",
        attempt=number,
    )


def log_lines(execution_id: str, *texts: str) -> events.LogLines:
    lines = [{"seq": seq, "message": text} for seq, text in enumerate(texts, start=1)]
    return events.LogLines(execution_id=execution_id, async_job_id=None, last_seq=len(texts), lines=lines)


class Ticking:
    """Emits events numbered from 1, up to 500 a second, until it is stopped."""

    def __init__(self) -> None:
        self.sent = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            self.sent += 1
            events.emit(started(self.sent))
            time.sleep(0.002)

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()
