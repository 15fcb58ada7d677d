"""Short spellings of fields, for the tables."""

from __future__ import annotations

from typing import Any

from modulestore.model.fields.kinds import Field, Kind, Scope

__all__ = [
    "content",
    "date",
    "flag",
    "integer",
    "items",
    "mapping",
    "moment",
    "number",
    "text",
]


def text(default: str | None = None) -> Field:
    """A settings field that holds text."""
    return Field(Kind.STRING, default=default)


def flag(default: bool | None = False) -> Field:
    """A settings field that is true or false."""
    return Field(Kind.BOOLEAN, default=default)


def integer(default: int | None = None) -> Field:
    """A settings field that holds a whole number."""
    return Field(Kind.INTEGER, default=default)


def number(default: float | None = None) -> Field:
    """A settings field that holds a number."""
    return Field(Kind.FLOAT, default=default)


def date() -> Field:
    """A settings field that holds a moment in time."""
    return Field(Kind.DATE)


def moment() -> Field:
    """A settings field that holds a moment within a video."""
    return Field(Kind.RELATIVE_TIME)


def items(default: list[Any] | None = None) -> Field:
    """A settings field that holds a list."""
    return Field(Kind.LIST, default=[] if default is None else default)


def mapping(default: dict[str, Any] | None = None) -> Field:
    """A settings field that holds a mapping."""
    return Field(Kind.DICT, default={} if default is None else default)


def content(field: Field) -> Field:
    """The same field, kept in the definition."""
    return field._replace(scope=Scope.CONTENT)
