"""Whether a bundle can be restored: all of it is looked at before anything is written."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from modulestore._async.waiting import run_blocking
from modulestore.formats.bundles.contents import BundledRecord, Kind
from modulestore.keys import VersionId
from modulestore.model.values import Author, Progress
from modulestore.storage.bundle_checks import (
    BundleVersions,
    check_documents,
    check_heads,
    check_records,
    check_versions,
)
from modulestore.storage.bundle_reading import BundleFile

__all__ = ["BATCH", "Proven", "in_batches", "opened_bundle", "prove"]

BATCH: Final = 16
"""Structures in memory at a time, as stored and decoded."""


@asynccontextmanager
async def opened_bundle(path: str | Path, name: str | None = None) -> AsyncIterator[BundleFile]:
    """A bundle, read once and found to be whole; ``name`` is how messages call it.

    Raises:
        InvalidArchive: it is none, or is damaged.
    """
    bundle = await run_blocking(BundleFile, Path(path), name)
    try:
        yield bundle
    finally:
        await run_blocking(bundle.close)


@dataclass(frozen=True, slots=True)
class Proven:
    """What was learnt when a bundle was proven.

    Attributes:
        authors: who made what is in it.
    """

    versions: BundleVersions
    records: list[BundledRecord]
    authors: frozenset[Author]


async def prove(bundle: BundleFile, progress: Progress) -> Proven:
    """Make sure that every version in a bundle can be read, with all that it needs.

    Raises:
        InvalidArchive: one of them cannot.
    """
    await run_blocking(check_heads, bundle)
    versions = BundleVersions(bundle)
    authors: set[Author] = set()
    definitions: set[VersionId] = set()
    total = sum(bundle.sections(kind) for kind in (Kind.DEFINITIONS, Kind.BASES, Kind.VERSIONS))
    done = 0
    for kind in (Kind.DEFINITIONS, Kind.BASES, Kind.VERSIONS):
        batches = bundle.batches(kind)
        while (documents := await run_blocking(next, batches, None)) is not None:
            progress("proving", done, total)
            if kind == Kind.DEFINITIONS:
                definitions |= documents.keys()
            for batch in in_batches(documents, BATCH if kind == Kind.VERSIONS else len(documents)):
                authors |= await run_blocking(check_documents, bundle, kind, batch)
                if kind == Kind.VERSIONS:
                    await run_blocking(check_versions, bundle, versions, batch, definitions)
            done += 1
    progress("proving", total, total)
    return Proven(versions, await run_blocking(check_records, bundle), frozenset(authors))


def in_batches(documents: Mapping[VersionId, bytes], size: int) -> Iterator[dict[VersionId, bytes]]:
    """So many of the documents at a time."""
    items = list(documents.items())
    return (dict(items[at : at + size]) for at in range(0, len(items), size))
