"""Headers of tar files: read as tarfile reads them."""

from __future__ import annotations

import random
import tarfile
from collections.abc import Iterator
from typing import Literal

import pytest

from modulestore.olx.headers import Header

FORMATS: tuple[Literal[0, 1, 2], ...] = (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)
KINDS = (
    tarfile.REGTYPE,
    tarfile.AREGTYPE,
    tarfile.DIRTYPE,
    tarfile.SYMTYPE,
    tarfile.LNKTYPE,
    tarfile.FIFOTYPE,
    tarfile.CHRTYPE,
    tarfile.CONTTYPE,
)
NAMES = ("a.xml", "folder/größe 字.html", "folder/", "a" * 99, "a" * 100, "long/" * 30 + "name", "x/" * 90)
SIZES = (0, 1, 511, 512, 8**11 - 1, 8**11, 2**40)


def headers() -> Iterator[bytes]:
    """Blocks of headers of every kind, in every format; those of long names are several blocks."""
    for layout in FORMATS:
        for kind in KINDS:
            for name in NAMES:
                for size in SIZES:
                    member = tarfile.TarInfo(name)
                    member.type, member.size, member.linkname = kind, size, "target"
                    try:
                        data = member.tobuf(layout, "utf-8", "surrogateescape")
                    except ValueError:  # this format cannot say it
                        continue
                    yield from (data[at : at + 512] for at in range(0, len(data), 512))


def read(kind: type[tarfile.TarInfo], block: bytes) -> object:
    try:
        member = kind.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.TarError as error:
        return type(error), str(error)
    return member.name, member.type, member.size, member.linkname if member.issym() else ""


def test_every_kind_of_header() -> None:
    blocks = list(headers())
    assert len(blocks) > 1000
    for block in blocks:
        assert read(Header, block) == read(tarfile.TarInfo, block)


@pytest.mark.parametrize("block", [b"", b"x" * 511, bytes(512), b"\xff" * 512, b"0" * 512, b"0" * 513])
def test_blocks_that_are_no_header(block: bytes) -> None:
    assert read(Header, block) == read(tarfile.TarInfo, block)


@pytest.mark.parametrize("summed", [True, False], ids=["with a checksum that is right", "as they are"])
def test_damaged_headers(summed: bool) -> None:
    rng = random.Random(7)
    blocks = list(headers())
    for _ in range(5000):
        block = bytearray(rng.choice(blocks))
        # What is not read (modes, owners, times) may hold anything.
        at = rng.choice([*range(100), *range(124, 136), *range(148, 265), *range(345, 512)])
        block[at] = rng.choice((0, 0x20, 0x2D, 0x2F, 0x30, 0x37, 0x38, 0x5F, 0x80, 0xFF, rng.randrange(256)))
        if summed:
            block[148:156] = b" " * 8
            block[148:156] = b"%06o\0 " % sum(block)
        assert read(Header, bytes(block)) == read(tarfile.TarInfo, bytes(block))


def test_signed_checksum_of_old_programs() -> None:
    block = bytearray(tarfile.TarInfo("größe.xml").tobuf(tarfile.USTAR_FORMAT, "utf-8", "strict"))
    block[148:156] = b" " * 8
    signed = sum(byte - 256 if byte > 127 else byte for byte in block)
    block[148:156] = b"%06o\0 " % signed
    assert read(Header, bytes(block)) == ("größe.xml", tarfile.REGTYPE, 0, "")
