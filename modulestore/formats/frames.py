"""Frames: sealed bytes in sections, each compressed by itself, so that one is read without the others.

============  =====================================================================================
bytes         what
============  =====================================================================================
4             ``msf2``
1             version of the frame: 1
1             how sections are compressed: 0 not at all, 1 zstandard
2             number of sections
16            digest: the first half of the SHA-256 of what is sealed (see below)
8 a section   its length in the frame, and its length unpacked (0 codec: the same)
…             the sections
============  =====================================================================================

Numbers are big-endian and without sign. What is sealed: a *seal* that the frame is stored beside (so that it
cannot be taken for another's), then the frame without its first four bytes and without the digest. Whoever
opens a frame knows that every byte of every section is as it was written.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

import zstandard

__all__ = ["Frame", "FrameError", "LaterFrame", "open_frame", "write_frame"]

_MAGIC: Final = b"msf2"
_VERSION: Final = 1
_ZSTANDARD: Final = 1
_HEAD: Final = 24
_LEVEL: Final = 1  # on structures the next two levels save less than a hundredth, and take twice as long
_MOST: Final = 1 << 30  # bytes that a section may have unpacked: far beyond what a document can hold


class FrameError(ValueError):
    """These bytes are no frame, or not the one that was written here."""


class LaterFrame(FrameError):
    """A frame that is as it was written, by a later release."""


class Frame:
    """An opened frame. A section is unpacked when it is asked for, and not kept."""

    __slots__ = ("_bytes", "_places")

    def __init__(self, frame: bytes, places: Sequence[tuple[int, int, int]]) -> None:
        self._bytes = frame
        self._places = places

    @property
    def size(self) -> int:
        """Bytes of the whole frame."""
        return len(self._bytes)

    @property
    def unpacked(self) -> int:
        """Bytes that all sections have together once they are unpacked, as the frame says."""
        return sum(size for _, _, size in self._places)

    def section(self, number: int) -> bytes:
        """The bytes of a section.

        Raises:
            FrameError: there is no such section.
        """
        if number >= len(self._places):
            raise FrameError(f"there is no section {number} of {len(self._places)}")
        start, end, size = self._places[number]
        stored = self._bytes[start:end]
        if self._bytes[5] != _ZSTANDARD:
            return stored
        try:
            # The length is looked at first: what a few bytes unpack to can fill the memory.
            if zstandard.frame_content_size(stored) != size:
                raise FrameError("a section has another length than the frame says")
            return zstandard.decompress(stored)
        except zstandard.ZstdError as error:
            raise FrameError(str(error)) from error


def write_frame(sections: Sequence[bytes], seal: bytes) -> bytes:
    """The frame of these sections, sealed."""
    packed = [zstandard.compress(section, _LEVEL) for section in sections]
    lengths = b"".join(
        len(stored).to_bytes(4, "big") + len(section).to_bytes(4, "big")
        for stored, section in zip(packed, sections, strict=True)
    )
    described = bytes([_VERSION, _ZSTANDARD]) + len(sections).to_bytes(2, "big")
    rest = lengths + b"".join(packed)
    return b"".join([_MAGIC, described, _digest(seal, described, rest), rest])


def open_frame(frame: bytes, seal: bytes) -> Frame:
    """A frame, once its seal and digest have been checked.

    Raises:
        FrameError: it is none, is damaged, or is another's.
        LaterFrame: its version, or how it is compressed, is not known to this release.
    """
    if frame[:4] != _MAGIC or len(frame) < _HEAD:
        raise FrameError("this is no frame")
    # The digest comes first, and is the same in every version: what is damaged is never taken for new.
    if frame[8:_HEAD] != _digest(seal, frame[4:8], memoryview(frame)[_HEAD:]):
        raise FrameError("the digest is not that of the bytes")
    if frame[4] != _VERSION or frame[5] not in (0, _ZSTANDARD):
        raise LaterFrame(
            f"a frame of version {frame[4]}, compressed by {frame[5]}, and this release knows {_VERSION}"
        )
    count = int.from_bytes(frame[6:8], "big")
    at = _HEAD + 8 * count
    places = []
    for entry in range(_HEAD, at, 8):
        length = int.from_bytes(frame[entry : entry + 4], "big")
        size = int.from_bytes(frame[entry + 4 : entry + 8], "big")
        if size > _MOST or (frame[5] != _ZSTANDARD and size != length):
            raise FrameError("a section has an impossible length")
        places.append((at, at + length, size))
        at += length
    if at != len(frame):
        raise FrameError("the sections are not as long as the frame says")
    return Frame(frame, places)


def _digest(seal: bytes, described: bytes, rest: bytes | memoryview) -> bytes:
    digest = hashlib.sha256(seal)
    digest.update(described)
    digest.update(rest)
    return digest.digest()[:16]
