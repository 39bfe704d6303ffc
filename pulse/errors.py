"""The one family of errors. `code` is part of the API; `status` is the HTTP status the API answers with."""

from typing import Any


class PulseError(Exception):
    code = "error"
    status = 500

    def __init__(self, message: str, *, field: str | None = None, hint: str | None = None, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.field = field  # the input field at fault, if one is
        self.hint = hint  # what to do about it
        self.details = details


class InvalidInput(PulseError):
    """The request cannot be carried out as it is written."""

    code = "invalid_input"
    status = 400


class UnknownHandler(InvalidInput):
    """No handler of that name is registered."""

    code = "unknown_handler"


class InvalidPayload(InvalidInput):
    """The payload does not fit the handler's model, or is too large."""

    code = "invalid_payload"


class NotFound(PulseError):
    """No such row."""

    code = "not_found"
    status = 404


class WrongStatus(PulseError):
    """The thing is not in a status that allows this action."""

    code = "wrong_status"
    status = 409


class DuplicateHandler(PulseError):
    """Two handlers were registered under one name: a mistake of the code, found at start."""

    code = "duplicate_handler"


class HandlerError(Exception):
    """Base of what a handler may raise to say how its failure is to be treated."""


class PermanentError(HandlerError):
    """Trying again cannot help: the job fails at once."""


class RetryLater(HandlerError):
    """Try again after `after_s` seconds, without using up an attempt (a 429 with Retry-After, say)."""

    def __init__(self, message: str = "asked to come back later", *, after_s: float) -> None:
        super().__init__(message)
        self.after_s = after_s


class Cancelled(BaseException):
    """The job was cancelled. Not an Exception, so that a handler's own `except Exception` lets it through."""


class PauseRequested(BaseException):
    """The job was asked to pause: raised at the handler's next checkpoint."""


class ChildrenPending(BaseException):
    """The job waits for its children: its worker is freed, and its handler is called again when they have ended."""
