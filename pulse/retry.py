"""What an error means, and whether and when to try again. Pure.

Codes and which are worth another try: design, "The life of a job"; by exception type first, by whole words second.
"""

import json
import random
import re
from typing import Final

import pydantic
import redis
import requests
from celery.exceptions import SoftTimeLimitExceeded
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import Error as DatabaseError

from pulse.errors import InvalidInput, PermanentError, RetryLater, UnknownHandler
from pulse.text import storable

CODE_MAX: Final = 40  # characters
BACKOFF_BASE_S: Final = 5.0
BACKOFF_CAP_S: Final = 300.0
BACKOFF_JITTER: Final = 0.2

BY_TYPE: Final[tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], str], ...]] = (
    (RetryLater, "rate_limited"),
    (SoftTimeLimitExceeded, "timeout"),
    ((TimeoutError, requests.Timeout), "timeout"),
    (FileNotFoundError, "file_not_found"),
    ((json.JSONDecodeError, UnicodeDecodeError), "parse_error"),
    ((pydantic.ValidationError, ValidationError, UnknownHandler, InvalidInput), "validation_error"),
    ((PermissionDenied, PermissionError), "auth_error"),
    (DatabaseError, "database_error"),
    ((ConnectionError, requests.ConnectionError, redis.ConnectionError), "network_error"),
)
BY_WORD: Final = (
    (re.compile(r"\b(no such file|file not found)\b", re.I), "file_not_found"),
    (re.compile(r"\b(timeout|timed out|deadline exceeded)\b", re.I), "timeout"),
    (re.compile(r"\b(rate limit(ed)?|too many requests)\b", re.I), "rate_limited"),
    (re.compile(r"\b(unauthorized|forbidden|permission denied)\b", re.I), "auth_error"),
    (re.compile(r"\b(parse error|invalid json|unmarshal)\b", re.I), "parse_error"),
    (re.compile(r"\b(validation)\b", re.I), "validation_error"),
    (re.compile(r"\b(network|connection (refused|reset|aborted))\b", re.I), "network_error"),
    (re.compile(r"\b(database|sql)\b", re.I), "database_error"),
    (re.compile(r"\b(llm|language model)\b", re.I), "ai_error"),
)
PERMANENT: Final = frozenset({"file_not_found", "parse_error", "validation_error", "auth_error"})


def classify(error: BaseException) -> str:
    """The error's code. `unknown` where neither its type nor its words say."""
    declared = getattr(error, "error_code", None)
    if isinstance(declared, str):
        return storable(declared)[:CODE_MAX]
    for kinds, code in BY_TYPE:
        if isinstance(error, kinds):
            return code
    return next((code for words, code in BY_WORD if words.search(str(error))), "unknown")


def is_transient(error: BaseException) -> bool:
    """Whether trying again may help. Unknown errors are transient."""
    return not isinstance(error, PermanentError) and classify(error) not in PERMANENT


def backoff_s(failures: int) -> float:
    """Seconds to wait after `failures` failures in a row (from 1): 5, 10, 20 ... capped at 300.

    Jitter of up to 20 % either way is part of the result. Source: spec-origin 2.9.5.
    """
    delay_s = min(BACKOFF_CAP_S, BACKOFF_BASE_S * 2.0 ** min(failures - 1, 20))
    return min(BACKOFF_CAP_S, delay_s * random.uniform(1 - BACKOFF_JITTER, 1 + BACKOFF_JITTER))  # noqa: S311
