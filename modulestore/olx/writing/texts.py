"""From a stored value to the text of an attribute: ``modulestore.olx.values`` backwards.

A value has one spelling, which reads as this value. Some values of some kinds have none: those go elsewhere.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import lru_cache
from math import isfinite
from typing import Any

from modulestore.model.comparing import same_value
from modulestore.model.fields import Kind
from modulestore.olx.values import Value, classic_value, pure_value
from modulestore.olx.xml import Malformed, parse_xml

__all__ = ["classic_text", "is_xml_name", "is_xml_text", "json_text", "native", "pure_text"]

# What XML has no way to write, and what no text in UTF-8 can hold.
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_NAME = re.compile(r"[^\W\d][\w.-]*")


def classic_text(kind: Kind, value: Any) -> str | None:
    """The text that a classic block reads as this value; None if there is none."""
    return _text(classic_value, kind, value)


def pure_text(kind: Kind, value: Any) -> str | None:
    """The text that a pure block reads as this value; None if there is none."""
    return _text(pure_value, kind, value)


def native(value: Any) -> Any:
    """A stored value as JSON has it: dates as text, and numbers that are none."""
    if isinstance(value, datetime):
        return _date(value)
    if isinstance(value, float) and not isfinite(value):
        return json.dumps(value)  # NaN, Infinity, -Infinity: no reader of JSON takes these for numbers
    if isinstance(value, dict):
        return {str(name): native(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [native(item) for item in value]
    return value


def json_text(value: Any, *, indent: int | None = None) -> str:
    """The JSON of a stored value, as platforms write it: ASCII, names sorted."""
    return json.dumps(native(value), sort_keys=True, indent=indent)


def is_xml_text(text: str) -> bool:
    """Whether XML can hold the text."""
    return _NOT_XML.search(text) is None


def is_xml_name(name: str) -> bool:
    """Whether an attribute or an element can be called so, without a namespace."""
    if _NAME.fullmatch(name) is None:
        return False
    return name.isascii() or _is_element_name(name)


@lru_cache(4096)
def _is_element_name(name: str) -> bool:
    """Letters and digits of XML are fewer than those of Unicode: its parser is asked."""
    try:
        parse_xml(f"<{name}/>".encode(), "")
    except Malformed:
        return False
    return True


def _text(rule: Callable[[Kind, str], Value], kind: Kind, value: Any) -> str | None:
    wanted = list(value) if isinstance(value, tuple) else value
    for text in _spellings(value):
        if is_xml_text(text) and same_value(rule(kind, text).value, wanted):
            return text
    return None


def _spellings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, datetime):
        yield _date(value)
        return
    yield json_text(value)


def _date(moment: datetime) -> str:
    """A moment in UTC, as platforms of today write it."""
    text = moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")
    return text.removesuffix(".000") + "Z"
