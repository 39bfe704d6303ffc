"""Handlers: the functions that do work, found in the `handlers` module of every installed app."""

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

from pulse.errors import DuplicateHandler, InvalidInput, UnknownHandler

if TYPE_CHECKING:
    from pulse.run import Run

NAME: Final = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_-]*)+")
CHUNK_MAX: Final = 1000
HARD_LIMIT_AFTER_S: Final = 10.0  # after a handler's time limit its process is ended
P = TypeVar("P", bound=BaseModel)
Function = TypeVar("Function", bound=Callable[..., Any])


class NoPayload(BaseModel):
    """The payload model of a handler that takes none: any field is refused."""

    model_config = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True, kw_only=True)
class Handler:
    """A registered function that does one kind of work."""

    name: str  # domain.operation
    function: Callable[["Run[Any]"], Any]
    payload: type[BaseModel]
    queue: str
    timeout_s: float  # the handler is told with SoftTimeLimitExceeded; 10 s later its process is ended
    max_retries: int  # tries after the first
    on_orphan: Literal["retry", "fail"]  # when its worker vanished: is it safe to repeat?
    chunk: int = 1  # how many jobs at most travel in one message: for jobs of milliseconds
    max_concurrent: int | None = None  # jobs of it that run at once, over all workers
    max_concurrent_per_key: int | None = None  # jobs of it with one concurrency key that run at once
    cost_estimate_usd: Decimal | None  # None: unknown
    description: str
    place: str  # file:line, for messages

    @property
    def cost_estimate_micros(self) -> int | None:
        """Millionths of a US dollar, or None when unknown."""
        return None if self.cost_estimate_usd is None else int(self.cost_estimate_usd * 1_000_000)


class Registry:
    def __init__(self) -> None:
        self._handlers: dict[str, Handler] = {}

    def add(self, handler: Handler) -> None:
        """Register one handler. Raises DuplicateHandler naming both places."""
        known = self._handlers.get(handler.name)
        if known is not None and known.place != handler.place:
            raise DuplicateHandler(
                f"handler '{handler.name}' is registered twice: at {known.place} and at {handler.place}"
            )
        self._handlers[handler.name] = handler

    def remove(self, name: str) -> None:
        self._handlers.pop(name, None)

    def get(self, name: str) -> Handler:
        """The handler of that name. Raises UnknownHandler."""
        try:
            return self._handlers[name]
        except KeyError:
            raise UnknownHandler(
                f"handler '{name}' is not registered",
                field="handler_name",
                hint=f"Registered are: {', '.join(self.names()) or 'none'}.",
            ) from None

    def __contains__(self, name: object) -> bool:
        return name in self._handlers

    def __iter__(self) -> Iterator[Handler]:
        return iter(sorted(self._handlers.values(), key=lambda handler: handler.name))

    def names(self) -> list[str]:
        return sorted(self._handlers)

    def queues(self) -> list[str]:
        return sorted({handler.queue for handler in self})


registry = Registry()


def handler(
    name: str,
    *,
    payload: type[BaseModel] = NoPayload,
    queue: str = "default",
    timeout_s: float = 300.0,
    max_retries: int = 2,
    on_orphan: Literal["retry", "fail"] = "fail",
    chunk: int = 1,
    max_concurrent: int | None = None,
    max_concurrent_per_key: int | None = None,
    cost_estimate_usd: Decimal | float | str | None = None,
    description: str = "",
) -> Callable[[Function], Function]:
    """Register the decorated function under `name` ("domain.operation"). It is called with one Run.

    `on_orphan="retry"` declares that running it again after its worker died half-way is safe.
    What it returns, if a string, is the result summary. Raises DuplicateHandler, InvalidInput.
    """
    if not NAME.fullmatch(name):
        raise InvalidInput(f"handler name '{name}' must look like domain.operation, in lower case", field="name")
    if timeout_s <= 0 or max_retries < 0:
        raise InvalidInput(
            f"handler '{name}': timeout_s must be above 0 and max_retries at least 0", field="timeout_s"
        )

    def register(function: Function) -> Function:
        registry.add(
            Handler(
                name=name,
                function=function,
                payload=payload,
                queue=queue,
                timeout_s=timeout_s,
                max_retries=max_retries,
                on_orphan=on_orphan,
                chunk=chunk,
                max_concurrent=max_concurrent,
                max_concurrent_per_key=max_concurrent_per_key,
                cost_estimate_usd=None if cost_estimate_usd is None else Decimal(str(cost_estimate_usd)),
                description=description or inspect.getdoc(function) or "",
                place=f"{inspect.getsourcefile(function)}:{function.__code__.co_firstlineno}",
            )
        )
        return function

    return register
