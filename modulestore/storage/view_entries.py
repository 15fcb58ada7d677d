"""What collectors gave, as it lies in a cache: an entry for each version and collector."""

from __future__ import annotations

import re
from typing import Any

from modulestore.errors import InvalidInput
from modulestore.formats.packing import pack, unpack
from modulestore.keys import CourseKey, VersionId
from modulestore.model.course import Course
from modulestore.model.structure import Structure
from modulestore.model.views import Collector

__all__ = ["entry_name", "new_entry", "read_entry"]

_is_name = re.compile(r"[A-Za-z0-9._-]{1,100}").fullmatch


def entry_name(version: VersionId, collector: Collector) -> str:
    """The name of an entry: all that its data depend on, so that they are never stale.

    Raises:
        InvalidInput: a collector cannot be called so.
    """
    if not _is_name(collector.name):
        raise InvalidInput(f"no collector can be called {collector.name!r}", hint="letters, digits, . _ -")
    return f"view/{version}/{collector.name}/{collector.version}"


def read_entry(name: str, collector: Collector, packed: bytes, size: int) -> Any:
    """The data of the entry of this name, of a version with so many blocks in document order; None if it is
    not such an entry.
    """
    try:
        found, data = unpack(packed)
        return data if found == name and collector.accepts(data, size) else None
    except Exception:  # the bytes may be anything, and so may be how they fail
        return None


def new_entry(name: str, collector: Collector, structure: Structure, size: int) -> tuple[bytes, Any]:
    """Let a collector take its data from a version: the entry of this name, and the data as it is read.

    Raises:
        InvalidInput: they are nothing that can be kept, or that the collector accepts.
    """
    # Under a key that names the version only: courses share versions, and with them what is collected.
    key = CourseKey(None, None, None, version=structure.id)
    data = collector.collect(Course(key, structure))
    place = f"collector {collector.name}"
    try:
        packed = pack([name, data])
    except (ValueError, TypeError, OverflowError) as error:
        raise InvalidInput(f"what it collected cannot be kept: {error}", place=place) from error
    data = read_entry(name, collector, packed, size)
    if data is None:
        raise InvalidInput("it does not accept what it collected", place=place)
    return packed, data
