"""Headers of a tar file, three times as fast as tarfile reads them: a large course has thousands.

Only those of plain files and folders with nothing unusual about them. All others are left to tarfile, and so
is every refusal. What unpacking does not need (owners, modes, times) is not read.
"""

from __future__ import annotations

import tarfile
from typing import Self

__all__ = ["Header"]

_PLAIN = frozenset({tarfile.REGTYPE, tarfile.DIRTYPE})


class Header(tarfile.TarInfo):
    """One member of a tar file, as far as unpacking needs it."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """The member of a header.

        Raises:
            tarfile.HeaderError: it is none.
        """
        kind = bytes(buf[156:157])
        if kind not in _PLAIN or len(buf) != tarfile.BLOCKSIZE:
            return super().frombuf(buf, encoding, errors)
        try:
            size, checksum = (int(_text(buf[at:end]), 8) for at, end in ((124, 136), (148, 156)))
        except ValueError:  # larger than the field has digits for, or none
            return super().frombuf(buf, encoding, errors)
        if size < 0 or checksum != sum(buf) - sum(buf[148:156]) + 8 * ord(" "):
            return super().frombuf(buf, encoding, errors)
        header = cls(_text(buf[:100]).decode(encoding, errors))
        header.type, header.size = kind, size
        if kind == tarfile.DIRTYPE:
            header.name = header.name.rstrip("/")
        if prefix := _text(buf[345:500]):
            header.name = f"{prefix.decode(encoding, errors)}/{header.name}"
        return header


def _text(field: bytes | bytearray) -> bytes:
    return bytes(field.partition(b"\0")[0])
