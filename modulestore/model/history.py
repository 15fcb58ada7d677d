"""The chain of versions behind a head."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from modulestore.keys import VersionId
from modulestore.model.structure import StructureHeader

__all__ = ["chain"]


def chain(headers: Mapping[VersionId, StructureHeader], head: VersionId) -> Iterator[StructureHeader]:
    """From ``head`` back along ``previous_version``, newest first, until a version is the first one, or is
    not in ``headers``.
    """
    seen: set[VersionId] = set()
    version: VersionId | None = head
    while version is not None and version not in seen and version in headers:
        seen.add(version)
        yield headers[version]
        version = headers[version].previous_version
