"""Buckets of GridFS."""

from __future__ import annotations

from modulestore._async.mongo.collections import Collections

__all__ = ["Bucket"]


class Bucket:
    """The documents of files, and their chunks."""

    def __init__(self, collections: Collections, name: str) -> None:
        self.files = collections.current(f"{name}.files")
        self.chunks = collections.current(f"{name}.chunks")
