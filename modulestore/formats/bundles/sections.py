"""Sections of a bundle: pieces of bytes, each sealed together with all that came before it.

The digest of a section is of the one before, of its own beginning and of its stored bytes. So a section that
is changed, left out, put in or moved is noticed when it is read, before anything is made of what is in it;
and the digest of the last one is a digest of all.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

import zstandard

from modulestore.errors import InvalidArchive

__all__ = [
    "BEGINNING",
    "DIGEST",
    "HEAD",
    "MOST",
    "SectionHead",
    "begins_a_bundle",
    "first_digest",
    "open_section",
    "parse_head",
    "write_section",
]

_MAGIC: Final = b"MSBUNDLE\r\n\x1a\n"  # not text, and damaged by whoever takes it for text
_VERSION: Final = 1
BEGINNING: Final = _MAGIC + _VERSION.to_bytes(2, "big") + bytes(2)
"""What a bundle begins with."""

HEAD: Final = 48
"""Bytes before what a section holds."""

DIGEST: Final = 32
"""Bytes of a digest."""

MOST: Final = 17 * 1024 * 1024
"""Bytes that a section may hold: the largest document, and what comes with it."""

_ABOUT: Final = HEAD - DIGEST
_PLAIN, _ZSTANDARD = 0, 1
_LEVEL: Final = 3
_HINT: Final = "it is damaged or not all of it is there: take another copy"


@dataclass(frozen=True, slots=True)
class SectionHead:
    """What a section says of itself.

    Attributes:
        kind: what is in it, in four letters.
        codec: how it is stored: 0 as it is, 1 compressed by zstandard.
        stored, size: bytes that it has in the file, and unpacked.
        digest: of it and all before it.
    """

    kind: str
    codec: int
    stored: int
    size: int
    digest: bytes


def begins_a_bundle(start: bytes) -> bool:
    """Whether a file that begins so is a bundle, of whatever version."""
    return start.startswith(_MAGIC)


def first_digest(beginning: bytes) -> bytes:
    """What the first section is sealed with: the digest of the beginning of the file.

    Raises:
        InvalidArchive: it is not the beginning of a bundle that this release can read.
    """
    if not begins_a_bundle(beginning):
        raise InvalidArchive("this is no bundle", hint="`modulestore bundle` writes one")
    if beginning != BEGINNING:
        version = int.from_bytes(beginning[len(_MAGIC) : len(_MAGIC) + 2], "big")
        raise InvalidArchive(
            f"a bundle of version {version}, which this release does not know", hint="upgrade modulestore"
        )
    return hashlib.sha256(beginning).digest()


def write_section(kind: str, payload: bytes, before: bytes) -> tuple[bytes, bytes]:
    """A section, whole, and its digest; ``before`` is that of the section before it."""
    packed = zstandard.compress(payload, _LEVEL)
    codec, stored = (_ZSTANDARD, packed) if len(packed) < len(payload) else (_PLAIN, payload)
    lengths = len(stored).to_bytes(4, "big") + len(payload).to_bytes(4, "big")
    about = kind.encode("ascii") + bytes([codec, 0, 0, 0]) + lengths
    digest = _digest(before, about, stored)
    return b"".join([about, digest, stored]), digest


def parse_head(head: bytes, place: str) -> SectionHead:
    """What a section says of itself; nothing of it is proven yet.

    Raises:
        InvalidArchive: it is none, or is beyond the limits.
    """
    stored, size = int.from_bytes(head[8:12], "big"), int.from_bytes(head[12:16], "big")
    if len(head) != HEAD:
        raise InvalidArchive("the file ends in the middle of a section", place=place, hint=_HINT)
    if size > MOST or stored > size or head[4] not in (_PLAIN, _ZSTANDARD) or head[5:8] != bytes(3):
        raise InvalidArchive("this is no section of a bundle", place=place, hint=_HINT)
    return SectionHead(head[:4].decode("latin-1"), head[4], stored, size, head[_ABOUT:])


def open_section(head: bytes, stored: bytes, before: bytes, place: str) -> bytes:
    """What a section holds, once its digest has been checked.

    Raises:
        InvalidArchive: it is damaged, cut off, not where it belongs, or does not unpack to what it says.
    """
    section = parse_head(head, place)
    if len(stored) != section.stored:
        raise InvalidArchive("the file ends in the middle of a section", place=place, hint=_HINT)
    if _digest(before, head[:_ABOUT], stored) != section.digest:
        raise InvalidArchive("the digest is not that of the bytes", place=place, hint=_HINT)
    if section.codec == _PLAIN:
        payload = stored
    else:
        try:
            # The length is looked at first: what a few bytes unpack to can fill the memory.
            if zstandard.frame_content_size(stored) != section.size:
                raise zstandard.ZstdError("another length than the section says")
            payload = zstandard.decompress(stored, max_output_size=section.size)
        except zstandard.ZstdError as error:
            raise InvalidArchive(f"cannot be unpacked: {error}", place=place, hint=_HINT) from error
    if len(payload) != section.size:
        raise InvalidArchive("another length than the section says", place=place, hint=_HINT)
    return payload


def _digest(before: bytes, about: bytes, stored: bytes) -> bytes:
    digest = hashlib.sha256(before)
    digest.update(about)
    digest.update(stored)
    return digest.digest()
