"""A progress emitter that keeps a log: wraps any other, says everything into the run's log and passes it on.

For code that is written against an emitter and not against a Run. Wrapping is all it takes, and wrappers may be
stacked: one that wraps another should be given the same run.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from pulse.run import Run


class Emitter(Protocol):
    def emit_stage(self, stage: str, message: str) -> None: ...

    def emit_info(self, message: str) -> None: ...

    def emit_error(self, stage: str, error: BaseException | str) -> None: ...

    def emit_progress(self, count: int, metadata: Mapping[str, Any] | None = None) -> None: ...

    def emit_complete(self, summary: Mapping[str, Any]) -> None: ...


class LogCapturingEmitter:
    """Each call becomes one line of `run` and is then passed to `inner` unchanged.

    A line keeps the stage of the last `emit_stage` or `emit_error`, and the task of the last `emit_task` in that
    stage. That the database is away does not show here. Cancelled and PauseRequested come out of any call.
    """

    def __init__(self, run: Run[Any], inner: Emitter | None = None) -> None:
        self.run = run
        self.inner = inner

    def emit_stage(self, stage: str, message: str) -> None:
        self.run.stage(stage, message)
        if self.inner is not None:
            self.inner.emit_stage(stage, message)

    def emit_task(self, task_id: str, message: str, metadata: Mapping[str, Any] | None = None) -> None:
        """A unit of work of the stage begins; an inner emitter without tasks is told the message."""
        self.run.current_task = task_id
        self.run.log.info("%s", message, extra={"metadata": dict(metadata or {})})
        if self.inner is not None:
            self.inner.emit_info(message)

    def emit_info(self, message: str) -> None:
        self.run.log.info("%s", message)
        if self.inner is not None:
            self.inner.emit_info(message)

    def emit_error(self, stage: str, error: BaseException | str) -> None:
        if stage != self.run.current_stage:
            self.run.current_stage, self.run.current_task = stage, None
        self.run.log.error("%s", error)
        if self.inner is not None:
            self.inner.emit_error(stage, error)

    def emit_progress(self, count: int, metadata: Mapping[str, Any] | None = None) -> None:
        """`count` more are done."""
        self.run.log.info("Progress: %d more", count, extra={"metadata": {"count": count, **(metadata or {})}})
        self.run.progress(advance=count)
        if self.inner is not None:
            self.inner.emit_progress(count, metadata)

    def emit_complete(self, summary: Mapping[str, Any]) -> None:
        self.run.log.info("Job completed", extra={"metadata": dict(summary)})
        if self.inner is not None:
            self.inner.emit_complete(summary)
