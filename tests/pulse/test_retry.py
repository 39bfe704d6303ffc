"""What an error means: by its type first, by whole words second."""

import json

import pytest
import requests
from celery.exceptions import SoftTimeLimitExceeded
from django.core.exceptions import PermissionDenied
from django.db import OperationalError

from pulse.errors import PermanentError, RetryLater
from pulse.retry import backoff_s, classify, is_transient


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (FileNotFoundError("x"), "file_not_found"),
        (json.JSONDecodeError("bad", "", 0), "parse_error"),
        (SoftTimeLimitExceeded(), "timeout"),
        (requests.ReadTimeout(), "timeout"),
        (TimeoutError(), "timeout"),
        (PermissionDenied(), "auth_error"),
        (OperationalError("gone"), "database_error"),
        (ConnectionRefusedError(), "network_error"),
        (requests.ConnectionError(), "network_error"),
        (RetryLater(after_s=1), "rate_limited"),
        (RuntimeError("the request timed out"), "timeout"),
        (RuntimeError("network is down"), "network_error"),
        (RuntimeError("too many requests"), "rate_limited"),
        (RuntimeError("the LLM gave no answer"), "ai_error"),
        # words inside words say nothing
        (RuntimeError("mail failed, wait for it"), "unknown"),
        (RuntimeError("invalidated the sparse model"), "unknown"),
        (ValueError("x"), "unknown"),
    ],
)
def test_an_error_has_one_code(error, code):
    assert classify(error) == code


@pytest.mark.parametrize("error", [RuntimeError("who knows"), ConnectionError(), TimeoutError(), OperationalError()])
def test_these_are_worth_another_try(error):
    assert is_transient(error) is True


GARBLED = UnicodeDecodeError("utf-8", b"", 0, 1, "x")


@pytest.mark.parametrize("error", [PermanentError("no"), FileNotFoundError(), PermissionDenied(), GARBLED])
def test_these_are_not(error):
    assert is_transient(error) is False


@pytest.mark.parametrize(("failures", "middle_s"), [(1, 5), (2, 10), (3, 20), (4, 40), (5, 80), (6, 160)])
def test_the_wait_doubles_and_strays_by_a_fifth_at_most(failures, middle_s):
    waits = [backoff_s(failures) for _ in range(200)]
    assert 0.8 * middle_s <= min(waits) < middle_s < max(waits) <= 1.2 * middle_s


@pytest.mark.parametrize("failures", [8, 30, 10_000])
def test_the_wait_never_passes_its_cap(failures):
    assert max(backoff_s(failures) for _ in range(50)) <= 300.0
