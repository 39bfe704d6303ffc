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
    is_permanent: bool = False  # trying again could not help
    pause_reason: PauseReason | None = None
    waiting_reason: str = ""
    # what the run had reached; None where nobody knows (an orphan)
    cost_micros: int = 0
    progress: tuple[int, int | None] | None = None
    stage: str | None = None

    @property
    def letter_reason(self) -> str:
        """Why a job that failed for good became a dead letter."""
        if self.error_code == "worker_lost":
            return "worker_lost"
        return "permanent_failure" if self.is_permanent else "max_retry_attempts"

    @property
    def execution_status(self) -> ExecutionStatus:
        """On the wire a try is completed or failed; a cancelled or paused one is failed, and its code says which."""
        did_its_part = self.status == JobStatus.COMPLETED or self.pause_reason == PauseReason.WAITING_FOR_CHILDREN
        return ExecutionStatus.COMPLETED if did_its_part else ExecutionStatus.FAILED
