"""What must not be read in a log: secrets in headers, in a URL's user part and in its query. Pure."""

import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

MASK: Final = "***"
SHORTEST: Final = 4  # characters; shorter values are not looked for in texts, they are in every other word
SECRET_NAME: Final = re.compile(
    r"auth|token|secret|passw|pwd|cookie|key|session|credential|signature|jwt|(^|[-_.])(sig|pass)($|[-_.])",
    re.I,
)


def is_secret(name: str) -> bool:
    """Whether a header or a query parameter of this name holds a secret, going by its name."""
    return SECRET_NAME.search(name) is not None


def mask_url(url: str) -> str:
    """The URL without its user part, its fragment and the values of secret-looking query parameters."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")
    netloc = f"{MASK}@{host[2]}" if host[1] else parts.netloc
    query = "&".join(_mask_pair(pair) for pair in parts.query.split("&")) if parts.query else ""
    return parts._replace(netloc=netloc, query=query, fragment="").geturl()


def _mask_pair(pair: str) -> str:
    name, equals, _ = pair.partition("=")
    return f"{name}={MASK}" if equals and is_secret(unquote(name)) else pair


def mask_headers(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: MASK if is_secret(name) else value for name, value in headers.items()}


def secrets_in(url: str, headers: Mapping[str, str]) -> list[str]:
    """The values that `mask_url` and `mask_headers` hide, longest first, as sent and decoded."""
    parts = urlsplit(url)
    user_part = parts.netloc.rpartition("@")[0]
    found = {user_part, *user_part.split(":", 1), b64encode(unquote(user_part).encode()).decode()}  # Basic auth
    found |= {value for name, value in parse_qsl(parts.query) if is_secret(name)}
    found |= {pair.partition("=")[2] for pair in parts.query.split("&") if _mask_pair(pair) != pair}
    for name, value in headers.items():
        if is_secret(name):
            found |= {value, *value.split()}  # `Bearer abc` is found as `abc` too
    found |= {unquote(value) for value in found}
    return sorted((value for value in found if len(value) >= SHORTEST), key=len, reverse=True)


def mask_text(text: str, secrets: Iterable[str]) -> str:
    """`text` with each of the values in `secrets` hidden. They must come longest first."""
    for secret in secrets:
        text = text.replace(secret, MASK)
    return text
