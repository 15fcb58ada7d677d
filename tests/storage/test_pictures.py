"""Thumbnails of pictures, good and hostile."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import textwrap
import zlib
from typing import Any

import pytest
from PIL import Image

from modulestore.errors import InvalidInput
from modulestore.model.thumbnails import Thumbnail
from modulestore.storage.pictures import make_thumbnail
from tests.pictures import picture, png

USUAL = Thumbnail()


def made(data: bytes, wanted: Thumbnail = USUAL) -> Image.Image:
    """The thumbnail of a picture, decoded."""
    with Image.open(io.BytesIO(make_thumbnail(io.BytesIO(data), wanted))) as thumbnail:
        thumbnail.load()
        return thumbnail


def refused(data: bytes) -> str:
    with pytest.raises(InvalidInput) as caught:
        make_thumbnail(io.BytesIO(data), USUAL)
    return caught.value.message


def near(colour: Any, expected: tuple[int, ...]) -> bool:
    return all(abs(a - b) <= 12 for a, b in zip(colour, expected, strict=True))


# --- good ones


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP"])
def test_pictures_of_each_kind(kind: str) -> None:
    thumbnail = made(picture(400, 200, (255, 0, 0), kind))
    assert (thumbnail.format, thumbnail.mode, thumbnail.size) == ("JPEG", "RGB", (128, 64))
    assert near(thumbnail.getpixel((64, 32)), (255, 0, 0))


@pytest.mark.parametrize(
    "wanted", [Thumbnail(200, 100), Thumbnail(64, 300, "webp"), Thumbnail(40, 40, "png")]
)
def test_sizes_and_formats(wanted: Thumbnail) -> None:
    thumbnail = made(png(400, 300, "blue"), wanted)
    assert thumbnail.format == wanted.format.upper()
    assert thumbnail.width <= wanted.width
    assert thumbnail.height <= wanted.height
    assert thumbnail.width == wanted.width or thumbnail.height == wanted.height
    assert made(png(10, 20, "blue"), wanted).size == (10, 20), "never larger than the picture"
    assert made(png(4000, 1, "blue"), wanted).height == 1


@pytest.mark.parametrize(
    ("mode", "colour"),
    [("L", 255), ("LA", (255, 255)), ("P", 0), ("1", 1), ("RGBA", (255, 255, 255, 255)), ("I;16", 65535)],
)
def test_modes_of_png(mode: str, colour: Any) -> None:
    assert made(picture(300, 300, colour, "PNG", mode)).size == (128, 128)


def test_a_picture_for_print() -> None:
    assert near(made(picture(300, 300, (0, 0, 0, 0), "JPEG", "CMYK")).getpixel((5, 5)), (255, 255, 255))


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF"])
def test_what_is_transparent_is_white(kind: str) -> None:
    clear = (
        picture(300, 300, 0, "GIF", "P", transparency=0)
        if kind == "GIF"
        else picture(300, 300, (255, 0, 0, 0), kind, "RGBA")
    )
    assert near(made(clear).getpixel((64, 64)), (255, 255, 255))
    assert made(clear, Thumbnail(format="png")).getpixel((64, 64))[3] == 0  # type: ignore[index]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_pictures_are_turned_as_the_camera_was(kind: str) -> None:
    """A red left half, held on its side: the red is above."""
    image = Image.new("RGB", (400, 200), "blue")
    image.paste("red", (0, 0, 200, 200))
    exif = Image.Exif()
    exif[0x0112] = 6
    out = io.BytesIO()
    image.save(out, format=kind, exif=exif)
    thumbnail = made(out.getvalue(), Thumbnail(100, 128))
    assert thumbnail.size == (64, 128)
    assert near(thumbnail.getpixel((32, 20)), (255, 0, 0))
    assert near(thumbnail.getpixel((32, 108)), (0, 0, 255))
    assert not thumbnail.getexif()


def test_the_first_frame_of_an_animation() -> None:
    frames = [Image.new("RGB", (200, 200), colour) for colour in ("red", "blue", "green")]
    for kind in ("GIF", "WEBP", "PNG"):
        out = io.BytesIO()
        frames[0].save(out, format=kind, save_all=True, append_images=frames[1:], duration=10)
        assert near(made(out.getvalue()).getpixel((50, 50)), (255, 0, 0))


def test_what_is_written_beside_the_pixels_stays_behind() -> None:
    exif = Image.Exif()
    exif[0x010E] = "where I live"
    data = picture(300, 300, "red", "JPEG", exif=exif, comment=b"where I live", icc_profile=b"profile" * 100)
    for wanted in (Thumbnail(), Thumbnail(format="png"), Thumbnail(format="webp")):
        thumbnail = make_thumbnail(io.BytesIO(data), wanted)
        assert b"where I live" not in thumbnail
        assert b"profile" not in thumbnail
        assert len(thumbnail) < 2000


# --- hostile ones


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb(width: int, height: int, data: bytes = b"") -> bytes:
    """A PNG that says that it is as large as this."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    "size", [(2**31 - 1, 2**31 - 1), (100_000, 100_000), (8_000, 7_000), (25_000_001, 1)]
)
def test_pictures_that_are_too_large_are_not_decoded(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[object] = []
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", decoded.append)
    assert "pixels" in refused(bomb(*size, zlib.compress(bytes(1_000_000))))
    gif = picture(10, 10, "red", "GIF")
    assert "pixels" in refused(gif[:6] + struct.pack("<HH", 65535, 65535) + gif[10:])
    assert decoded == []


def test_a_jpeg_with_thousands_of_scans() -> None:
    data = picture(2000, 1500, "red", "JPEG", progressive=True)
    assert made(data).size == (128, 96)
    at = data.rindex(b"\xff\xda")
    scan = data[at:-2]
    assert "scans" in refused(data[:-2] + scan * 1000 + data[-2:])


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP"])
def test_pictures_that_are_cut_off_or_damaged(kind: str) -> None:
    """Each has a thumbnail, or a reason: never another error."""
    image = Image.effect_noise((200, 150), 80).convert("RGB")
    out = io.BytesIO()
    image.save(out, format=kind)
    data = out.getvalue()
    for length in range(0, len(data), max(1, len(data) // 40)):
        attempt(data[:length])
        damaged = bytearray(data)
        damaged[length] ^= 0xFF
        damaged[length // 50] ^= 0x55
        attempt(bytes(damaged))
    assert refused(data[: len(data) // 2])


def attempt(data: bytes) -> None:
    try:
        made(data)
    except InvalidInput as error:
        assert error.message  # noqa: PT017


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no picture",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n",  # would run Ghostscript
        b"P6 10 10 255 " + bytes(300),  # a format that nobody uploads
        b"\xff\xd8\xff\xe0",
        bomb(10, 10, b"no zlib"),
        bomb(0, 0),
    ],
)
def test_what_is_no_picture(data: bytes) -> None:
    assert refused(data)


def test_text_in_a_png_that_unpacks_to_gigabytes() -> None:
    text = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(100_000_000), 9))
    data = png(10, 10, "red")
    attempt(data[:33] + text * 20 + data[33:])


def test_memory_is_bounded(tmp_path: Any) -> None:
    """The largest pictures that get thumbnails, and how much a process has had for them."""
    (tmp_path / "large.png").write_bytes(picture(5_000, 5_000, (1, 2, 3, 200), "PNG", "RGBA"))
    (tmp_path / "large.webp").write_bytes(picture(5_000, 5_000, (1, 2, 3, 200), "WEBP", "RGBA"))
    (tmp_path / "large.jpg").write_bytes(picture(10_000, 5_000, (1, 2, 3), "JPEG", progressive=True))
    # Not what the system counts of children: they inherit it from this process.
    program = r"""
        import re, sys
        from modulestore.model.thumbnails import Thumbnail
        from modulestore.storage.pictures import make_thumbnail
        for name in sys.argv[1:]:
            with open(name, "rb") as file:
                assert len(make_thumbnail(file, Thumbnail())) > 100
        with open("/proc/self/status") as status:
            print(re.search(r"VmHWM:\s*(\d+) kB", status.read())[1])
    """
    names = [str(file) for file in tmp_path.iterdir()]
    command = [sys.executable, "-c", textwrap.dedent(program), *names]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert int(done.stdout) < 600_000, "kB"


def test_who_has_no_pillow_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    monkeypatch.delitem(sys.modules, "modulestore.storage.pictures")
    with pytest.raises(InvalidInput) as caught:
        import modulestore.storage.pictures  # noqa: F401
    assert caught.value.hint == "pip install 'modulestore[thumbnails]'"
