"""Dead letters: what failed for good waits here until a person retries or discards it."""

from django.db import transaction
from django.db.models import QuerySet

from pulse import clock
from pulse.errors import NotFound, PulseError, WrongStatus
from pulse.models import DeadLetter, Job
from pulse.publisher import publish_on_commit
from pulse.services.control import back_in_queue
from pulse.services.reading import get, tell
from pulse.states import JobStatus


def get_letter(letter_id: int) -> DeadLetter:
    """Raises NotFound."""
    try:
        return DeadLetter.objects.get(pk=letter_id)
    except DeadLetter.DoesNotExist:
        raise NotFound(f"there is no dead letter {letter_id}") from None


def retry_letter(letter_id: int, *, by: str) -> Job:
    """Put the same job back into the queue with all its retries. Raises NotFound, WrongStatus."""
    with transaction.atomic():
        letter = _resolve(letter_id, DeadLetter.Resolution.RETRIED, by=by)
        again = back_in_queue() | {"failures": 0, "run_at": None, "finished_at": None, "cancel_requested_at": None}
        if not Job.objects.filter(pk=letter.job_id, status=JobStatus.FAILED).update(**again):
            current = get(letter.job_id).status
            raise WrongStatus(f"job {letter.job_id} is {current}: only a failed job can be retried", current=current)
        job = get(letter.job_id)
        publish_on_commit([job])
        tell(job)
    return job


def discard_letter(letter_id: int, *, by: str) -> DeadLetter:
    """Decide that nothing more is to be done. Raises NotFound, WrongStatus."""
    with transaction.atomic():
        return _resolve(letter_id, DeadLetter.Resolution.DISCARDED, by=by)


def retry_matching(letters: QuerySet[DeadLetter], *, by: str) -> tuple[int, int]:
    """Retry every open one: (retried, not possible any more)."""
    done = failed = 0
    for letter_id in letters.filter(resolution="").values_list("pk", flat=True):
        try:
            retry_letter(letter_id, by=by)
        except PulseError:
            failed += 1
        else:
            done += 1
    return done, failed


def discard_matching(letters: QuerySet[DeadLetter], *, by: str) -> int:
    """Discard every open one. Returns how many."""
    fields = {"resolution": DeadLetter.Resolution.DISCARDED, "resolved_at": clock.now(), "resolved_by": by}
    return letters.filter(resolution="").update(**fields)


def _resolve(letter_id: int, resolution: DeadLetter.Resolution, *, by: str) -> DeadLetter:
    fields = {"resolution": resolution, "resolved_at": clock.now(), "resolved_by": by}
    resolved = DeadLetter.objects.filter(pk=letter_id, resolution="").update(**fields)
    letter = get_letter(letter_id)
    if not resolved:
        raise WrongStatus(
            f"dead letter {letter_id} was {letter.resolution} by {letter.resolved_by} already",
            current=letter.resolution,
        )
    return letter
