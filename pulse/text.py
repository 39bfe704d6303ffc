"""Text and JSON as PostgreSQL can keep them: nothing is lost, what cannot be stored is made visible. Pure."""

import json
from collections.abc import Mapping
from typing import Any, Final

NUL: Final = "\x00"
NUL_SIGN: Final = "\u2400"  # ␀
MAX_DEPTH: Final = 50  # of JSON that is rebuilt; deeper parts are kept as text


def storable(text: str) -> str:
    """`text` with NUL as ␀ and half characters (from bytes that were no UTF-8) as `\\udcff`."""
    text = text.replace(NUL, NUL_SIGN)
    if text.isascii():
        return text
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def storable_json(value: Any) -> str:
    """`value` as JSON that a jsonb column takes; what JSON has no form for becomes text."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        text.encode()
    except (TypeError, ValueError, RecursionError):  # odd types, NaN, half characters, loops
        return json.dumps(_rebuilt(value, MAX_DEPTH), ensure_ascii=False)
    return json.dumps(_rebuilt(value, MAX_DEPTH), ensure_ascii=False) if "\\u0000" in text else text


def _rebuilt(value: Any, depth: int) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return value if abs(value) <= 1e300 else _words(value)  # also false for NaN
    if depth and isinstance(value, Mapping):
        return {_words(key): _rebuilt(item, depth - 1) for key, item in value.items()}
    if depth and isinstance(value, list | tuple | set | frozenset):
        return [_rebuilt(item, depth - 1) for item in value]
    return _words(value)


def _words(value: Any) -> str:
    try:
        return storable(value if isinstance(value, str) else str(value))
    except (TypeError, ValueError, RecursionError, AttributeError):
        return f"<{type(value).__name__} that cannot be shown>"
