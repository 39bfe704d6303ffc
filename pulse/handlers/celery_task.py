"""`celery.task`: any Celery task of the project, as a job.

The task's body is called here, in the job's own process, and nothing is sent: how the body ends is how the job
ends, under the job's time limit, retries and log. Sending a message would only tell that it was sent, and
`task.apply()` would run the task's own retries at once, in a row, without their delays. So the task's `retry()`
(and its `autoretry_for`) ends the try with the error it was given, and the job's retries take it from there. What
a worker does around a task is left out: its on_success and on_failure hooks, results, links and time limits.
"""

import difflib
from collections.abc import Callable
from typing import Annotated, Any, Final, Self

from celery import current_app
from celery.app.task import Task
from celery.exceptions import Ignore, Reject, Retry
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, model_validator

from pulse.errors import PermanentError
from pulse.handlers.faults import fault
from pulse.registry import handler, registry
from pulse.run import Run

INTERNAL: Final = "celery."  # Celery's own tasks: parts of its chords and clean-ups, no work of the project
LONGEST_RESULT: Final = 200  # characters of a result's text in the summary


class AskedForRetry(Exception):
    """The task wants another try and names no error: retry(), Reject(requeue=True), or an exit code."""


class Rejected(PermanentError):
    """The task raised Reject(requeue=False): it does not want another try."""


def check_name(name: str) -> str:
    """`name` if a task of the project is registered under it."""
    if name in registry:
        raise fault(f"'{name}' is a handler of Pulse: ask for a job of it directly")
    if name.startswith(INTERNAL):
        raise fault(f"'{name}' is one of Celery's internal tasks: they are no work of the project")
    if find(name) is None:
        near = difflib.get_close_matches(name, project_tasks(), n=3)
        raise fault(f"no Celery task '{name}' is registered{'; there is: ' + ', '.join(near) if near else ''}")
    return name


def find(name: str) -> "Task[..., Any] | None":
    """The registered task. A web process has not imported every app's `tasks` module: that is made up for."""
    if name not in current_app.tasks:
        current_app.loader.import_default_modules()
    return current_app.tasks.get(name)


def project_tasks() -> list[str]:
    return sorted(name for name in current_app.tasks if not name.startswith(INTERNAL) and name not in registry)


class CeleryTask(BaseModel):
    model_config = ConfigDict(extra="forbid")

    task: Annotated[str, AfterValidator(check_name)] = Field(
        description="The task's registered name, such as shop.tasks.send_invoices."
    )
    args: list[JsonValue] = Field(default_factory=list, description="Positional arguments.")
    kwargs: dict[str, JsonValue] = Field(default_factory=dict, description="Keyword arguments.")

    @model_validator(mode="after")
    def check_arguments(self) -> Self:
        task = find(self.task)
        header: Callable[..., Any] | None = getattr(task, "__header__", None)
        if header is not None and getattr(task, "typing", False):
            try:
                header(*self.args, **self.kwargs)
            except TypeError as error:
                raise fault(f"the arguments do not fit the task: {error}") from None
        return self


@handler(
    "celery.task",
    payload=CeleryTask,
    timeout_s=3600,
    description="Runs a registered Celery task of the project; how it ends is how the job ends.",
)
def celery_task(run: Run[CeleryTask]) -> str:
    wanted = run.payload
    run.stage(wanted.task, f"Calling {wanted.task}")
    try:
        result = call(current_app.tasks[wanted.task], wanted.args, wanted.kwargs, run)
    except Ignore:
        run.log.warning("The task asked for its outcome to be ignored: %s counts as done", wanted.task)
        return f"{wanted.task} asked to be ignored"
    except Retry as error:
        raise AskedForRetry(f"{wanted.task} asked to be tried again") from error
    except Reject as error:
        reason, requeue = error.args
        kind = AskedForRetry if requeue else Rejected
        raise kind(f"{wanted.task} rejected its message: {reason}") from error
    except SystemExit as leaving:
        if leaving.code not in (None, 0):
            raise AskedForRetry(f"{wanted.task} ended with exit code {leaving.code}") from None
        return f"{wanted.task} ended with exit code 0"
    run.log.info("It returned %r", result)
    return f"{wanted.task} returned {shortened(repr(result))}"


def call(task: "Task[..., Any]", args: list[JsonValue], kwargs: dict[str, JsonValue], run: Run[CeleryTask]) -> Any:
    """Call the task's body, with a request that a bound task can read: the job's id, how often it failed before.

    `called_directly` makes retry() raise instead of sending; `is_eager` makes replace() run its task in place.
    """
    task.push_request(
        id=run.job_id, root_id=run.job_id, args=args, kwargs=kwargs, retries=run.claim.failures,
        called_directly=True, is_eager=True, delivery_info={"is_eager": True}, hostname=None,
    )  # fmt: skip
    body = task.run if type(task).__call__ is Task.__call__ else task  # a base class may wrap the call
    try:
        return body(*args, **kwargs)
    finally:
        task.pop_request()


def shortened(text: str) -> str:
    return text if len(text) <= LONGEST_RESULT else f"{text[: LONGEST_RESULT - 1]}…"
