"""`http.request`: one real HTTP call, and what its answer means for the job."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC
from email.utils import parsedate_to_datetime
from http.client import responses
from typing import Final

import requests

from pulse import clock
from pulse.errors import PermanentError, RetryLater
from pulse.handlers.http_payload import MAX_TIMEOUT_S, HttpRequest
from pulse.handlers.http_transport import (
    MAX_REDIRECTS,
    Call,
    Refused,
    content_length,
    next_call,
    open_session,
    read_body,
    send,
)
from pulse.handlers.masking import mask_headers
from pulse.registry import handler
from pulse.run import Run

EXCERPT_CHARACTERS: Final = 500  # of an unwelcome answer's body, for the log
MIN_RETRY_S: Final = 1.0
MAX_RETRY_S: Final = 24 * 3600.0
CODES: Final = {
    401: "auth_error",
    403: "auth_error",
    404: "file_not_found",
    407: "auth_error",
    408: "timeout",
    410: "file_not_found",
    429: "rate_limited",
    504: "timeout",
}


class StatusRefused(PermanentError):
    """The server's answer will not change by asking again."""

    def __init__(self, message: str, *, error_code: str) -> None:
        super().__init__(message)
        self.error_code = error_code


class ServerTrouble(Exception):
    """The server could not answer this time."""

    def __init__(self, message: str, *, error_code: str) -> None:
        super().__init__(message)
        self.error_code = error_code


@handler(
    "http.request",
    payload=HttpRequest,
    queue="default",
    timeout_s=MAX_TIMEOUT_S + 30,
    cost_estimate_usd=0,
    description="Sends one HTTP request and checks the answer's status; says status, time and size.",
)
def http_request(run: Run[HttpRequest]) -> str:
    """Fails for good on what asking again cannot change (a 4xx); is tried again on 408, 429, 5xx and network
    errors, and not before the server's Retry-After where it gave one."""
    wanted = run.payload
    begun = time.monotonic()
    with answer_to(run, first_call(wanted, begun)) as (call, response):
        status = status_line(response)
        run.stage("read", f"{status} after {_ms(begun):,} ms")
        if not wanted.expects(response.status_code):
            log_excerpt(run, call, response)
            raise unwelcome(response, f"{status}, expected {wanted.expectation}")
        size = read(run, call, response)
    run.log.info("Read %s bytes of %s", f"{size:,}", response.headers.get("Content-Type", "unnamed type"))
    return f"{status} in {_ms(begun):,} ms, {size:,} bytes"


def read(run: Run[HttpRequest], call: Call, response: requests.Response) -> int:
    """Read the whole body, with progress in bytes where its length is known. Returns its bytes, decoded."""
    encoded = "Content-Encoding" in response.headers  # then Content-Length counts other bytes than ours
    total = None if encoded else content_length(response)
    size = 0
    for chunk in read_body(response, call, max_bytes=run.payload.max_bytes):
        size += len(chunk)
        run.progress(size, total=total)
    return size


def first_call(wanted: HttpRequest, begun: float) -> Call:
    headers = dict(wanted.headers)
    body = wanted.body
    if isinstance(body, dict | list):
        body = json.dumps(body)
        if not any(name.lower() == "content-type" for name in headers):
            headers["Content-Type"] = "application/json"
    return Call(
        method=wanted.method,
        url=wanted.url,
        headers=headers,
        body=None if body is None else body.encode(),
        deadline=begun + wanted.timeout_s,
        timeout_s=wanted.timeout_s,
    )


@contextmanager
def answer_to(run: Run[HttpRequest], call: Call) -> Iterator[tuple[Call, requests.Response]]:
    """The answer to `call`, or to where it was redirected if that is wanted; closed at the end."""
    run.stage("request", f"{call.method} {call.shown}")
    if call.headers or call.body:
        run.log.debug("Headers: %s; body: %d bytes", mask_headers(call.headers), len(call.body or b""))
    with open_session(call.timeout_s) as session:
        for _ in range(MAX_REDIRECTS + 1):
            with send(session, call) as response:
                following = next_call(call, response) if run.payload.follow_redirects else None
                if following is None:
                    yield call, response
                    return
            call = following
            run.log.info("%s: on to %s %s", status_line(response), call.method, call.shown)
            run.check_cancelled()
    raise Refused(f"more than {MAX_REDIRECTS} redirects, the last to {call.shown}")


def unwelcome(response: requests.Response, sentence: str) -> Exception:
    """The error that an answer of this status is."""
    status = response.status_code
    after_s = retry_after_s(response) if status in {429, 503} else None
    if after_s is not None:
        return RetryLater(f"{sentence}; the server asks to come back in {after_s:.0f} s", after_s=after_s)
    if status >= 500 or status in {408, 429}:
        return ServerTrouble(sentence, error_code=CODES.get(status, "network_error"))
    return StatusRefused(sentence, error_code=CODES.get(status, "validation_error"))


def retry_after_s(response: requests.Response) -> float | None:
    """Seconds that Retry-After (a number or a date) asks for, at least 1, at most a day. None without one."""
    given = response.headers.get("Retry-After", "").strip()
    if given.isascii() and given.isdigit():
        return min(max(float(given), MIN_RETRY_S), MAX_RETRY_S)
    with suppress(ValueError):
        at = parsedate_to_datetime(given)
        aware = at if at.tzinfo else at.replace(tzinfo=UTC)
        return min(max((aware - clock.now()).total_seconds(), MIN_RETRY_S), MAX_RETRY_S)
    return None


def log_excerpt(run: Run[HttpRequest], call: Call, response: requests.Response) -> None:
    """How the body of an unwelcome answer begins; servers explain themselves there."""
    with suppress(ConnectionError, TimeoutError, Refused):
        first = next(read_body(response, call, max_bytes=1024**3), b"")
        text = call.without_secrets(first.decode(errors="replace"))[:EXCERPT_CHARACTERS]
        if text.strip():
            run.log.warning("The answer begins: %s", text)


def status_line(response: requests.Response) -> str:
    """Such as "404 Not Found"; the words are HTTP's, not the server's."""
    return f"{response.status_code} {responses.get(response.status_code, '')}".strip()


def _ms(begun: float) -> int:
    return round((time.monotonic() - begun) * 1000)
