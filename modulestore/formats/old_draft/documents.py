"""One document of the older store, as a value.

::

    _id         {tag: "i4x", org, course, category, name, revision: null or "draft"}
    definition  {data: the content fields, or a text: the field ``data``; children: ["i4x://…", …]}
    metadata    {the settings}
    edit_info   {edited_by, edited_on, published_by, published_date, subtree_edited_by, subtree_edited_on}

Documents of twelve years and of other programs lack some of it, or have something else there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import bson
from bson.errors import BSONError

from modulestore.errors import CorruptDocument
from modulestore.formats.encoding import OPTIONS
from modulestore.keys import BlockKey
from modulestore.model.plain import Problem
from modulestore.model.values import Author

__all__ = ["LEFT_OUT", "OldBlock", "OldEdit", "decode_old_block", "shown"]

LEFT_OUT: Final = "left out"

_TAG: Final = "i4x"
_DRAFT: Final = "draft"
_NAMES: Final = ("org", "course", "category", "name")
_LONGEST: Final = 80


@dataclass(frozen=True, slots=True)
class OldEdit:
    """Who changed a block when, and who published it when; None where the document does not say.

    When something below it was changed is not kept: it is worked out from the blocks there.
    """

    edited_by: Author = None
    edited_on: datetime | None = None
    published_by: Author = None
    published_on: datetime | None = None


@dataclass(frozen=True, slots=True)
class OldBlock:
    """One copy of a block.

    Attributes:
        org, course: that it belongs to. The older store does not say of which run a block is.
        key: category and name.
        is_draft: whether it is the draft copy, not the published one.
        settings, content: the fields of ``metadata`` and of ``definition.data``, as they are there.
        children: the locations of its children, as they are there; None if it has no list of them.
        digest: of the document.
        problems: what had to be worked around.
    """

    org: str
    course: str
    key: BlockKey
    is_draft: bool
    settings: Mapping[str, Any] = field(default_factory=dict)
    content: Mapping[str, Any] = field(default_factory=dict)
    children: tuple[str, ...] | None = None
    edit: OldEdit = field(default_factory=OldEdit)
    digest: bytes = b""
    problems: tuple[Problem, ...] = ()

    @property
    def place(self) -> str:
        """The block's location, as problems name it."""
        revision = f"@{_DRAFT}" if self.is_draft else ""
        return f"{_TAG}://{self.org}/{self.course}/{self.key.type}/{self.key.id}{revision}"


def decode_old_block(document: bytes) -> OldBlock:
    """The block of a document.

    Raises:
        CorruptDocument: it is no BSON, or its ``_id`` is that of no block.
    """
    try:
        decoded: dict[str, Any] = bson.decode(document, OPTIONS)
    except BSONError as error:
        raise CorruptDocument(f"unreadable document: {error}", place="collection modulestore") from error
    org, course, category, name, is_draft = _read_id(decoded.get("_id"))
    reader = _Reader(OldBlock(org, course, BlockKey(category, name), is_draft).place)
    definition = reader.mapping("definition", decoded.get("definition"))
    return OldBlock(
        org=org,
        course=course,
        key=BlockKey(category, name),
        is_draft=is_draft,
        settings=reader.fields("metadata", reader.mapping("metadata", decoded.get("metadata"))),
        content=reader.fields("definition.data", reader.content(definition.get("data"))),
        children=reader.children(definition.get("children")),
        edit=reader.edit(decoded.get("edit_info")),
        digest=hashlib.sha256(document).digest(),
        problems=tuple(reader.problems),
    )


def shown(value: object) -> str:
    """A foreign value as a message quotes it: printable, and clipped when it is long."""
    text = repr(value)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"


def _read_id(value: object) -> tuple[str, str, str, str, bool]:
    place = f"document {shown(value)} of the collection modulestore"
    if not isinstance(value, Mapping) or value.get("tag", _TAG) != _TAG:
        raise CorruptDocument("its _id is that of no block", place=place)
    for name in _NAMES:
        if not isinstance(value.get(name), str) or not value[name]:
            raise CorruptDocument(f"its _id has no {name}", place=place)
    revision = value.get("revision")
    if revision not in (None, "", _DRAFT):
        raise CorruptDocument(f"there is no revision {shown(revision)}", place=place)
    org, course, category, name = (value[name] for name in _NAMES)
    return org, course, category, name, revision == _DRAFT


class _Reader:
    """Takes apart one document, and notes what is not as it should be."""

    def __init__(self, place: str) -> None:
        self.place = place
        self.problems: list[Problem] = []

    def mapping(self, name: str, value: object) -> Mapping[str, Any]:
        if isinstance(value, Mapping):
            return value
        if value is not None:
            self._report(f"{name} is {shown(value)}", "read as empty")
        return {}

    def content(self, data: object) -> Mapping[str, Any]:
        """Content fields; what is no mapping is the one field that most types of blocks had then."""
        if data is None or isinstance(data, Mapping):
            return data or {}
        if not isinstance(data, str):
            self._report(f"definition.data is {shown(data)}", "read as the field data")
        return {"data": data}

    def fields(self, where: str, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """Fields by name. Children have a place of their own, and only that counts."""
        if "children" in fields:
            self._report(f"{where} has a field children", LEFT_OUT)
        return {name: value for name, value in fields.items() if name != "children"}

    def children(self, value: object) -> tuple[str, ...] | None:
        if value is None:
            return None
        if not isinstance(value, list):
            self._report(f"definition.children is {shown(value)}", "read as empty")
            return ()
        for child in value:
            if not isinstance(child, str):
                self._report(f"the child {shown(child)} is no location of a block", LEFT_OUT)
        return tuple(child for child in value if isinstance(child, str))

    def edit(self, value: object) -> OldEdit:
        """Who and when, as far as it can be read. It is not worth a report where it cannot."""
        info = value if isinstance(value, Mapping) else {}
        return OldEdit(
            _author(info.get("edited_by")),
            _moment(info.get("edited_on")),
            _author(info.get("published_by")),
            _moment(info.get("published_date")),
        )

    def _report(self, message: str, action: str) -> None:
        self.problems.append(Problem(self.place, message, action))


def _author(value: object) -> Author:
    return value if isinstance(value, int | str) and not isinstance(value, bool) else None


def _moment(value: object) -> datetime | None:
    return value if isinstance(value, datetime) else None
