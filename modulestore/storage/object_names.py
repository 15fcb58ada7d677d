"""What objects are called that are the bytes of files.

An object is one upload: ``<place>/<folder>/<two digits>/<id>``. The *place* is chosen by who runs the
database; the *folder* belongs to the database alone, so that databases may share a place; the id is an
ObjectId, whose last digits spread objects evenly, so that no list of them is long. See docs/spec/files-1.md.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from bson import ObjectId

from modulestore.errors import CorruptDocument, InvalidURL
from modulestore.storage.urls import shown_url

__all__ = [
    "ObjectName",
    "checked_place",
    "is_object_url",
    "object_url",
    "parse_object_url",
]

_HINT = "for example s3://bucket/folder or file:///srv/objects"
_PLACE = re.compile(r"[a-z][a-z0-9+.-]*://[^\s?#]*[^\s?#/]")
_OBJECT = re.compile(r"(?P<place>.+)/(?P<name>(?P<folder>[0-9a-f]{24})/[0-9a-f]{2}/(?P<id>[0-9a-f]{24}))")


class ObjectName(NamedTuple):
    """An object: where it is, what it is called there, and the parts of that name."""

    place: str
    name: str
    folder: str
    id: ObjectId


def checked_place(url: str) -> str:
    """A place for objects, as it is stored: without a slash at its end.

    Raises:
        InvalidURL: it is none.
    """
    place = url.rstrip("/")
    if _PLACE.fullmatch(place) is None:
        raise InvalidURL(f"{shown_url(url)} is no place for objects", hint=_HINT)
    if "@" in place:
        raise InvalidURL(
            f"{shown_url(url)}: what is kept in the database may have no password in it",
            hint="give credentials to fsspec by its environment variables or its configuration",
        )
    return place


def object_url(place: str, folder: str, upload: ObjectId) -> str:
    """The URL of an object, which is its upload's id."""
    return f"{place}/{folder}/{str(upload)[-2:]}/{upload}"


def parse_object_url(url: str) -> ObjectName:
    """The object of a URL. Nothing else can be reached by what a database says.

    Raises:
        CorruptDocument: it is none.
    """
    found = _OBJECT.fullmatch(url)
    if found is None:
        raise CorruptDocument(f"{shown_url(url)} is no object with the bytes of a file", place="files")
    return ObjectName(found["place"], found["name"], found["folder"], ObjectId(found["id"]))


def is_object_url(text: str) -> bool:
    """Whether this is the URL of an object."""
    return _OBJECT.fullmatch(text) is not None
