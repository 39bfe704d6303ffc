"""The payload of `http.request`."""

import ipaddress
import re
from typing import Annotated, Any, Final, Literal

import requests
from django.conf import settings
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue
from urllib3.util import parse_url

from pulse.handlers.faults import fault

MAX_TIMEOUT_S: Final = 300.0
HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
HEADER_VALUE: Final = re.compile(r"([\x21-\x7e\x80-\xff][\t\x20-\x7e\x80-\xff]*)?")
OUR_HEADERS: Final = frozenset({"host", "content-length", "transfer-encoding", "connection"})


def check_url(url: str) -> str:
    """`url` if it can be requested. An address that is private by its own digits is refused here, a name that
    leads to one when it is looked up."""
    scheme = url.partition(":")[0].lower()
    if scheme not in {"http", "https"} or "://" not in url:
        raise fault("the URL must begin with http:// or https://")
    if any(character <= " " for character in url):
        raise fault("the URL contains a space or a control character: write it as %20 or leave it out")
    try:
        host = parse_url(requests.Request("GET", url).prepare().url or "").host or ""
        host.encode("idna")
    except (requests.RequestException, ValueError):
        raise fault("the URL is not valid: its host, port or user part cannot be read") from None
    if _is_private(host) and not settings.PULSE_HTTP_ALLOW_PRIVATE_ADDRESSES:
        raise fault(f"'{host}' is a private address: set PULSE_HTTP_ALLOW_PRIVATE_ADDRESSES to allow them")
    return url


def _is_private(host: str) -> bool:
    """Whether it says so itself; no name is looked up."""
    try:
        return not ipaddress.ip_address(host.strip("[]")).is_global
    except ValueError:
        return host.lower() == "localhost" or host.lower().endswith(".localhost")


def check_headers(headers: dict[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        if not HEADER_NAME.fullmatch(name):
            raise fault(f"{name!r} is not a header name")
        if not HEADER_VALUE.fullmatch(value):
            raise fault(f"the value of header '{name}' begins with a space or contains what a header cannot hold")
        if name.lower() in OUR_HEADERS:
            raise fault(f"header '{name}' is set by the request itself: leave it out")
    return headers


def upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


Status = Annotated[int, Field(ge=100, le=599)]


class HttpRequest(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)  # inputs may hold secrets

    url: Annotated[str, Field(max_length=8192), AfterValidator(check_url)] = Field(
        description="Where to send the request: http:// or https://."
    )
    method: Annotated[Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"], BeforeValidator(upper)] = (
        "GET"
    )
    headers: Annotated[dict[str, str], AfterValidator(check_headers)] = Field(
        default_factory=dict, description="Sent as they are. Secret-looking ones are never logged."
    )
    body: str | dict[str, JsonValue] | list[JsonValue] | None = Field(
        default=None, description="Text is sent as it is (UTF-8); an object or a list is sent as JSON."
    )
    expected_status: Status | Annotated[list[Status], Field(min_length=1)] | None = Field(
        default=None, description="The status or statuses that mean success; any 2xx when left out."
    )
    timeout_s: float = Field(
        default=30.0, gt=0, le=MAX_TIMEOUT_S, description="Seconds until the whole answer must have come."
    )
    max_bytes: int = Field(
        default=10 * 1024 * 1024, gt=0, le=1024**3, description="A longer answer is refused, and not read on."
    )
    follow_redirects: bool = Field(default=False, description="Follow up to 5 redirects.")

    def expects(self, status: int) -> bool:
        if self.expected_status is None:
            return 200 <= status <= 299
        wanted = self.expected_status
        return status in wanted if isinstance(wanted, list) else status == wanted

    @property
    def expectation(self) -> str:
        """In words: "any 2xx", "204", "200 or 404"."""
        wanted = self.expected_status
        if wanted is None:
            return "any 2xx"
        return " or ".join(map(str, wanted)) if isinstance(wanted, list) else str(wanted)
