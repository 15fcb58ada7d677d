"""The id of one stored version."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Self

from modulestore.errors import InvalidKey
from modulestore.keys.text import shown

__all__ = ["VersionId"]

_is_hex_id = re.compile(r"[0-9a-fA-F]{24}").fullmatch


class VersionId(bytes):
    """The id of a structure or a definition: 12 bytes, written as 24 hexadecimal digits.

    It hashes, compares and sorts as the bytes that it is. The first four are its time, as in a BSON ObjectId.

    Raises:
        InvalidKey: what was given is not 12 ``bytes``.
    """

    __slots__ = ()

    def __new__(cls, raw: bytes) -> Self:
        # The type is checked too: bytes(12), with a number, would be twelve zeros.
        if not isinstance(raw, bytes) or len(raw) != 12:
            raise InvalidKey(f"{shown(repr(raw))} is not a version id: expected 12 bytes")
        return bytes.__new__(cls, raw)

    @classmethod
    def parse(cls, text: str) -> Self:
        """The id that is written as 24 hexadecimal digits, of either case.

        Raises:
            InvalidKey: anything else.
        """
        if not _is_hex_id(text):
            raise InvalidKey(
                f"{shown(text)} is not a version id: expected 24 hexadecimal digits",
                hint="`modulestore log KEY` lists the versions of a course",
            )
        return cls(bytes.fromhex(text))

    @property
    def time(self) -> datetime:
        """When the id was made, by its maker's clock: UTC, in whole seconds."""
        return datetime.fromtimestamp(int.from_bytes(self[:4]), UTC)

    def __str__(self) -> str:
        return self.hex()

    def __repr__(self) -> str:
        return f"VersionId({self.hex()!r})"
