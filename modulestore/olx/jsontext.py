"""JSON as an archive holds it, limited to what a document can keep."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

__all__ = ["NotJSON", "NotKept", "decoded", "parse_json"]

_LARGEST_INTEGER = 2**63


class NotJSON(ValueError):
    """A text that is no JSON, or JSON that no document can keep."""


class NotKept(NotJSON):
    """JSON that no document can keep."""


def parse_json(text: str) -> Any:
    """The value of a JSON text.

    Raises:
        NotJSON: it is none.
        NotKept: it holds what a document cannot: numbers that are not finite or beyond 64 bits, half a
            surrogate pair, a name with a NUL, or lists thousands deep.
    """
    if not _BEGINS_JSON(text):
        raise NotJSON("it is no value")
    try:
        value = _decoder.decode(text)
    except RecursionError:
        raise NotKept("it is nested too deeply") from None
    except NotJSON:
        raise
    except ValueError as error:
        raise NotJSON(str(error)) from None
    if "\\u" in text:
        _check_text(value)
    return value


def decoded(data: bytes) -> str:
    """The text of a JSON file.

    Raises:
        NotJSON: it is not UTF-8.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise NotJSON(f"it is not UTF-8: byte {error.start}") from None


def _integer(digits: str) -> int:
    if len(digits) > 20 or not -_LARGEST_INTEGER <= (value := int(digits)) < _LARGEST_INTEGER:
        raise NotKept("a number is larger than 64 bits")
    return value


def _not_finite(name: str) -> NoReturn:
    raise NotKept(f"{name} is no number")


# Most texts of attributes are no JSON: cheaper seen here than by an exception of the decoder. What begins as
# a number must be one to its end: dates and times are not.
_BEGINS_JSON = re.compile(r'[ \t\n\r]*(?:[\[{"tfnNI]|-I|-?[0-9][0-9.eE+\-]*[ \t\n\r]*\Z)').match
_decoder = json.JSONDecoder(parse_int=_integer, parse_constant=_not_finite)


def _check_text(value: Any) -> None:
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            if any("\0" in name for name in item):
                raise NotKept("a name holds a NUL")
            stack.extend(item)
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
        elif isinstance(item, str):
            try:
                item.encode()
            except UnicodeEncodeError:
                raise NotKept("it holds half a surrogate pair") from None
