"""What may be asked of a worker."""

from pulse import clock
from pulse.errors import NotFound, WrongStatus
from pulse.models import Worker


def drain(worker_id: str) -> Worker:
    """Tell a worker to take no new jobs; it hears it with its next heartbeat. Raises NotFound, WrongStatus."""
    Worker.objects.filter(pk=worker_id, stopped_at=None, drain_requested_at=None).update(
        drain_requested_at=clock.now()
    )
    worker = Worker.objects.filter(pk=worker_id).first()
    if worker is None:
        raise NotFound(f"there is no worker {worker_id}")
    if worker.stopped_at:
        raise WrongStatus(f"worker {worker.name} stopped at {worker.stopped_at:%H:%M:%S} UTC", current="stopped")
    return worker
