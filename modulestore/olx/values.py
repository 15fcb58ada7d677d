"""From the text of an attribute to the value that is stored.

Two rules (course archive format, attribute values): *classic* blocks read JSON first, *pure* blocks keep
texts as they are and read everything else as YAML. Either way a value ends in one stored form, whatever its
spelling: ``True`` and ``true`` are true, a date with or without quotes is the same moment. A text that is no
value of its kind is kept as it is.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any, Final, NamedTuple

from modulestore.model.dates import from_epoch, parse_date, parse_time
from modulestore.model.fields import Kind
from modulestore.olx.jsontext import NotJSON, parse_json
from modulestore.olx.yamltext import NotYAML, parse_yaml

__all__ = ["OTHERS", "REFERENCES", "Value", "classic_value", "native_value", "pure_value"]

OTHERS: Final = "xml_attributes"
"""The setting that keeps the attributes that no field is named after."""

REFERENCES = frozenset({Kind.REFERENCE, Kind.REFERENCE_LIST, Kind.REFERENCE_DICT})

_EMPTY_IS_NONE = frozenset({Kind.INTEGER, Kind.FLOAT, Kind.DATE})
_INTEGER = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_FLOAT = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


class Value(NamedTuple):
    """A stored value; ``as_text`` says that the text is no value of its kind and was kept."""

    value: Any
    as_text: bool = False


class _Refused(ValueError):
    """Not a value of the kind."""


def classic_value(kind: Kind, text: str) -> Value:
    """The stored value of an attribute of a classic block: JSON first."""
    if not text:
        return Value(None if kind in _EMPTY_IS_NONE else "")
    if kind is Kind.STRING and text[0] not in '"n \t\n\r':
        return Value(text)  # no JSON that a text could be
    try:
        return Value(_converted(kind, parse_json(text)))
    except (NotJSON, _Refused):
        return _from_text(kind, text)


def pure_value(kind: Kind, text: str) -> Value:
    """The stored value of an attribute of a pure block: texts as they are, everything else YAML."""
    if kind is Kind.STRING:
        return Value(_CONTROLS.sub("", text))
    if not text:
        return classic_value(kind, text)
    if kind in (Kind.DATE, Kind.TIMEDELTA, Kind.RELATIVE_TIME):  # YAML would make other things of these texts
        return classic_value(kind, text)
    try:
        return Value(_converted(kind, parse_yaml(text)))
    except (NotYAML, _Refused):
        return _from_text(kind, text)


def native_value(kind: Kind, value: Any) -> Value:
    """The stored value of what a policy says, which is JSON already."""
    if value == "" and kind in _EMPTY_IS_NONE:
        return Value(None)
    if kind is Kind.STRING and isinstance(value, bool | int | float):
        return Value(json.dumps(value))
    try:
        return Value(_converted(kind, value))
    except _Refused:
        return Value(value, as_text=value != "")


def _from_text(kind: Kind, text: str) -> Value:
    try:
        return Value(_converted(kind, text))
    except _Refused:
        return Value(text, as_text=not text.isspace())


def _converted(kind: Kind, value: Any) -> Any:
    """The value in the stored form of its kind."""
    return None if value is None else _CONVERT[kind](value)


def _any(value: Any) -> Any:
    return value


def _string(value: Any) -> str:
    if isinstance(value, str):
        return value
    raise _Refused


def _integer(value: Any) -> int | float:
    if isinstance(value, str) and _INTEGER.fullmatch(value.strip()):
        return int(value.strip())  # which takes more for blanks than int does
    if isinstance(value, str) and _FLOAT.fullmatch(value.strip()):
        value = float(value.strip())
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    raise _Refused


def _float(value: Any) -> float:
    if isinstance(value, str) and _FLOAT.fullmatch(value.strip()):
        value = float(value.strip())
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf"):
        return float(value)
    raise _Refused


def _boolean(value: Any) -> bool:
    if isinstance(value, bool | int | float):
        return bool(value)
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return value.strip().lower() == "true"
    raise _Refused


def _date(value: Any) -> datetime:
    moment = None
    if isinstance(value, str):
        moment = parse_date(value)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        moment = from_epoch(value)
    if moment is None:
        raise _Refused
    return moment


def _relative_time(value: Any) -> str | float:
    if isinstance(value, str) and _FLOAT.fullmatch(value.strip()):
        value = float(value.strip())
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 24 * 3600:
        if value != int(value):
            return value
        minutes, seconds = divmod(int(value), 60)
        return f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}"
    moment = parse_time(value) if isinstance(value, str) else None
    if moment is None:
        raise _Refused
    return moment


def _list(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    raise _Refused


def _dict(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    raise _Refused


_CONVERT = {
    Kind.STRING: _string,
    Kind.INTEGER: _integer,
    Kind.FLOAT: _float,
    Kind.BOOLEAN: _boolean,
    Kind.DATE: _date,
    Kind.TIMEDELTA: _string,
    Kind.RELATIVE_TIME: _relative_time,
    Kind.LIST: _list,
    Kind.DICT: _dict,
    Kind.ANY: _any,
    Kind.REFERENCE: _string,
    Kind.REFERENCE_LIST: _list,
    Kind.REFERENCE_DICT: _dict,
}
