"""Every write that a person or another app may ask of jobs. One module per verb-set; this is the door to them."""

from pulse.services.control import back_in_queue, pause, resume
from pulse.services.dead_letters import discard_letter, discard_matching, get_letter, retry_letter, retry_matching
from pulse.services.enqueue import enqueue, enqueue_many, enqueue_once, insert_jobs, new_job
from pulse.services.family import (
    after_end,
    cancel,
    children_of,
    delete,
    end_abandoned,
    enqueue_children,
    family_summary,
    wake_parents,
)
from pulse.services.payloads import parsed_payload, validated_payload
from pulse.services.reading import get, tell
from pulse.services.switches import switch_off, switch_on
from pulse.services.workers import drain

__all__ = [
    "after_end",
    "back_in_queue",
    "cancel",
    "children_of",
    "delete",
    "discard_letter",
    "discard_matching",
    "drain",
    "end_abandoned",
    "enqueue",
    "enqueue_children",
    "enqueue_many",
    "enqueue_once",
    "family_summary",
    "get",
    "get_letter",
    "insert_jobs",
    "new_job",
    "parsed_payload",
    "pause",
    "resume",
    "retry_letter",
    "retry_matching",
    "switch_off",
    "switch_on",
    "tell",
    "validated_payload",
    "wake_parents",
]
