"""The part of YAML 1.1 that attributes of pure blocks are written in: one scalar, or one flow list or
mapping.

The platform reads such an attribute with a YAML parser. What its writers and its authors put there is JSON, a
word like ``yes``, a number like ``010``, or a list with bare or single-quoted texts. Anything else stays
text.
"""

from __future__ import annotations

import re
from typing import Any

from modulestore.olx.jsontext import NotJSON, NotKept, parse_json

__all__ = ["NotYAML", "parse_yaml"]

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE = frozenset({"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"})
_FALSE = frozenset({"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"})
_INTEGER = re.compile(
    r"(?P<sign>[-+]?)(?:0b(?P<binary>[01_]+)|0x(?P<hex>[0-9a-fA-F_]+)|0(?P<octal>[0-7_]+)"
    r"|(?P<sixty>[1-9][0-9_]*(?::[0-5]?[0-9])+)|(?P<decimal>0|[1-9][0-9_]*))",
    re.ASCII,
)
_FLOAT = re.compile(r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+][0-9]+)?", re.ASCII)
_BARE = re.compile(r"[^,\[\]{}#&*!|>'\"%@`\s:-](?:[^,\[\]{}:#]|:(?=\S))*|-?[0-9](?:[^,\[\]{}:#]|:(?=\S))*")
_DEEPEST = 50
_LONGEST_INTEGER = 64


class NotYAML(ValueError):
    """A text outside the part of YAML that is read here."""


def parse_yaml(text: str) -> Any:
    """The value of a text; a bare text is itself.

    Raises:
        NotYAML: it begins like a list, a mapping or a quoted text, and is none that is read here.
    """
    text = text.strip()
    try:
        return parse_json(text)
    except NotKept as error:
        raise NotYAML(str(error)) from None
    except NotJSON:
        pass
    if text[:1] in ("[", "{", "'", '"'):
        return _Flow(text).whole()
    return scalar(text)


def scalar(text: str) -> Any:
    """What a bare word means in YAML 1.1."""
    if text in _NULL:
        return None
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    if (match := _INTEGER.fullmatch(text)) and len(text) <= _LONGEST_INTEGER:
        return _integer(match)
    if _FLOAT.fullmatch(text):
        return float(text.replace("_", ""))
    return text


def _integer(match: re.Match[str]) -> Any:
    part = {name: value.replace("_", "") for name, value in match.groupdict().items() if value}
    if "sixty" in part:
        value = 0
        for digits in part["sixty"].split(":"):
            value = value * 60 + int(digits)
    else:
        bases = {"binary": 2, "hex": 16, "octal": 8, "decimal": 10}
        name = next((name for name in bases if part.get(name)), None)
        if name is None:  # nothing but a prefix and underscores
            return match.string
        value = int(part[name], bases[name])
    value = -value if part.get("sign") == "-" else value
    return value if -(2**63) <= value < 2**63 else match.string


class _Flow:
    """A reader of one flow collection or quoted text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0

    def whole(self) -> Any:
        value = self._value()
        if self._peek():
            raise NotYAML("something follows the value")
        return value

    def _value(self) -> Any:
        sign = self._peek()
        if sign == "[":
            return self._list()
        if sign == "{":
            return self._mapping()
        if sign in ("'", '"'):
            return self._quoted(sign)
        return scalar(self._bare())

    def _list(self) -> list[Any]:
        items = []
        self._enter()
        while self._peek() != "]":
            items.append(self._value())
            self._comma("]")
        self._leave()
        return items

    def _mapping(self) -> dict[str, Any]:
        items = {}
        self._enter()
        while self._peek() != "}":
            sign = self._peek()
            name = self._quoted(sign) if sign in ("'", '"') else self._bare()
            if self._peek() != ":":
                raise NotYAML("a colon is missing")
            self._at += 1
            items[name] = None if self._peek() in (",", "}") else self._value()
            self._comma("}")
        self._leave()
        return items

    def _quoted(self, quote: str) -> str:
        end = self._at + 1
        while True:
            end = self._text.find(quote, end)
            if end < 0:
                raise NotYAML("a quote is not closed")
            if quote == "'" and self._text.startswith("''", end):
                end += 2
            elif quote == '"' and _escaped(self._text, end):
                end += 1
            else:
                break
        inner = self._text[self._at + 1 : end]
        self._at = end + 1
        if quote == "'":
            return inner.replace("''", "'")
        try:
            text = parse_json(f'"{inner}"')
        except NotJSON as error:
            raise NotYAML("an escape is not known") from error
        return str(text)

    def _bare(self) -> str:
        match = _BARE.match(self._text, self._at)
        if match is None:
            raise NotYAML("a value is missing")
        self._at = match.end()
        return match[0].strip()

    def _comma(self, end: str) -> None:
        sign = self._peek()
        if sign == ",":
            self._at += 1
        elif sign != end:
            raise NotYAML(f"a comma or {end} is missing")

    def _peek(self) -> str:
        while self._at < len(self._text) and self._text[self._at].isspace():
            self._at += 1
        return self._text[self._at : self._at + 1]

    def _enter(self) -> None:
        self._at += 1
        self._depth += 1
        if self._depth > _DEEPEST:
            raise NotYAML("it is nested too deeply")

    def _leave(self) -> None:
        self._at += 1
        self._depth -= 1


def _escaped(text: str, at: int) -> bool:
    slashes = 0
    while at > slashes and text[at - 1 - slashes] == "\\":
        slashes += 1
    return slashes % 2 == 1
