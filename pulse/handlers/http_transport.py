"""How `http.request` talks to a server: which addresses, which redirects, how long, how much.

Nothing here puts a URL, a header or what the HTTP library says about them into a message without masking it.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from django.conf import settings
from requests_hardened import Config, HTTPSession
from requests_hardened.ip_filter import InvalidIPAddress

from pulse.errors import PermanentError
from pulse.handlers.masking import is_secret, mask_text, mask_url, secrets_in

MAX_REDIRECTS: Final = 5
CHUNK_BYTES: Final = 64 * 1024
REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
NOT_REQUESTABLE: Final = (
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.InvalidHeader,
    urllib3.exceptions.LocationValueError,
    UnicodeError,  # a host name with a part that is too long
)


class Refused(PermanentError):
    """The request, or the answer, is not one that Pulse carries out or takes."""

    error_code = "validation_error"


class Session(HTTPSession):
    """Takes no proxy and no password from the environment, and follows no redirect by itself."""

    def __init__(self, *, allow_private: bool, timeout_s: float) -> None:
        super().__init__(
            Config(
                ip_filter_enable=not allow_private,
                ip_filter_allow_loopback_ips=False,
                never_redirect=True,
                default_timeout=(timeout_s, timeout_s),
            )
        )
        self.trust_env = False
        self.headers["User-Agent"] = "Pulse"

    def get_redirect_target(self, resp: requests.Response) -> None:
        """None: else requests reads a redirect's whole body, of any size, even when told not to follow it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request on the wire; a redirect makes the next one."""

    method: str
    url: str
    headers: dict[str, str] = field(repr=False)
    body: bytes | None = field(default=None, repr=False)
    deadline: float  # time.monotonic() at which the answer must be complete
    timeout_s: float  # that the deadline was made from, for messages

    @property
    def shown(self) -> str:
        """The URL as it may be read by anyone."""
        return mask_url(self.url)

    def without_secrets(self, text: str) -> str:
        return mask_text(text, secrets_in(self.url, self.headers))

    def left_s(self) -> float:
        """Seconds until the deadline. Raises TimeoutError when it has passed."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"{self.shown} did not answer completely within {self.timeout_s:g} s")
        return left


def open_session(timeout_s: float) -> Session:
    return Session(allow_private=settings.PULSE_HTTP_ALLOW_PRIVATE_ADDRESSES, timeout_s=timeout_s)


def send(session: requests.Session, call: Call) -> requests.Response:
    """The answer's status and headers, its body still unread. Raises Refused, TimeoutError, ConnectionError.

    Weakness: a server that sends its *headers* a byte at a time is ended only by the handler's time limit.
    """
    with plain_errors(call):
        return session.request(
            call.method,
            call.url,
            headers=call.headers,
            data=call.body,
            stream=True,
            allow_redirects=False,
            timeout=call.left_s(),
        )


def read_body(response: requests.Response, call: Call, *, max_bytes: int) -> Iterator[bytes]:
    """The body, decoded, as it arrives. Raises Refused past `max_bytes`, TimeoutError, ConnectionError."""
    too_large = f"the answer of {call.shown} is larger than the {max_bytes:,} bytes allowed"
    if (content_length(response) or 0) > max_bytes:
        raise Refused(too_large)
    size = 0
    with plain_errors(call):
        # read1 gives what has arrived: read, and requests' iter_content, would wait for a full chunk for ever
        while chunk := response.raw.read1(CHUNK_BYTES, decode_content=True):
            size += len(chunk)
            if size > max_bytes:
                raise Refused(too_large)
            yield chunk
            call.left_s()


def content_length(response: requests.Response) -> int | None:
    """What the server announced, if that is a number."""
    announced = response.headers.get("Content-Length", "")
    return int(announced) if announced.isascii() and announced.isdigit() and len(announced) < 20 else None


def next_call(call: Call, response: requests.Response) -> Call | None:
    """The request that a redirect asks for; None for any other answer. Raises Refused where it cannot be sent.

    Where it leads to another origin it carries none of the secret headers.
    """
    location = response.headers.get("Location")
    if response.status_code not in REDIRECTS or not location:
        return None
    try:
        url = urljoin(call.url, location.encode("latin-1").decode(errors="replace"))  # http.client read latin-1
        scheme = urlsplit(url).scheme
    except ValueError:
        raise Refused(f"{call.shown} redirects to something that is no URL") from None
    if scheme not in {"http", "https"}:
        raise Refused(f"{call.shown} redirects to something that is neither http nor https")
    after = replace(call, url=url)
    if _origin(url) != _origin(call.url):
        after = replace(after, headers={k: v for k, v in call.headers.items() if not is_secret(k)})
    turns_into_get = response.status_code == 303 or (response.status_code in {301, 302} and call.method == "POST")
    if turns_into_get and call.method != "HEAD":
        kept = {k: v for k, v in after.headers.items() if not k.lower().startswith("content-")}
        after = replace(after, method="GET", body=None, headers=kept)
    return after


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.rpartition("@")[2].lower()


@contextmanager
def plain_errors(call: Call) -> Iterator[None]:
    """Turn what the HTTP library raises into errors whose text and traceback hold no secrets."""
    try:
        yield
    except InvalidIPAddress as error:
        allow = "set PULSE_HTTP_ALLOW_PRIVATE_ADDRESSES to allow them"
        raise Refused(f"{call.shown} leads to the private address {error}: {allow}") from None
    except (requests.Timeout, urllib3.exceptions.TimeoutError):
        raise TimeoutError(f"{call.shown} did not answer within {call.timeout_s:g} s") from None
    except NOT_REQUESTABLE:
        raise Refused(f"{call.shown} cannot be requested: its URL or a header is not valid") from None
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        root = _root(error)
        reason = call.without_secrets(str(root) or type(root).__name__)
        raise ConnectionError(f"the connection to {call.shown} failed: {reason}") from None


def _root(error: BaseException) -> BaseException:
    """The first cause: what the operating system or TLS said, free of the layers above it and of the URL."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return error
