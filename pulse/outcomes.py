"""How a try ended, as a value. The engine settles it in one statement."""

from dataclasses import dataclass, field

from pulse.states import ExecutionStatus, JobStatus, PauseReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    status: JobStatus  # what the job becomes; queued: it is tried again
    result_summary: str | None = None
    error_code: str = ""
    error_message: str = ""
    error_details: list[str] = field(default_factory=list)  # lines, outermost first
    retry_after_s: float | None = None  # when queued again: seconds from now
    counts_as_failure: bool = False  # uses one of the job's tries
    pause_reason: PauseReason | None = None
    waiting_reason: str = ""
    # what the run had reached; None where nobody knows (an orphan)
    cost_micros: int = 0
    progress: tuple[int, int | None] | None = None
    stage: str | None = None

    @property
    def execution_status(self) -> ExecutionStatus:
        """On the wire a try is completed or failed; a cancelled or paused one is failed, and its code says which."""
        return ExecutionStatus.COMPLETED if self.status == JobStatus.COMPLETED else ExecutionStatus.FAILED
