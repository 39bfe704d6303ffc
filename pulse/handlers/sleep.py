"""`pulse.sleep`: a job that takes as long as it is told and can be stopped at any time."""

import math
import time
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from pulse.registry import handler
from pulse.run import Run

MAX_S: Final = 3600.0
STEP_S: Final = 0.25  # how soon it hears that it was cancelled, at most


class Sleep(BaseModel):
    model_config = ConfigDict(extra="forbid")

    seconds: float = Field(default=1.0, ge=0, le=MAX_S, allow_inf_nan=False, description="How long to sleep.")


@handler(
    "pulse.sleep",
    payload=Sleep,
    timeout_s=MAX_S + 60,
    on_orphan="retry",
    cost_estimate_usd=0,
    description="Sleeps the given number of seconds, with progress; stops when it is cancelled.",
)
def sleep(run: Run[Sleep]) -> str:
    seconds = run.payload.seconds
    run.progress(0, total=math.ceil(seconds))
    begun = time.monotonic()
    while (slept := time.monotonic() - begun) < seconds:
        time.sleep(min(STEP_S, seconds - slept))
        run.progress(min(math.ceil(seconds), int(time.monotonic() - begun)))
    run.progress(math.ceil(seconds))
    return f"slept {seconds:g} s"
