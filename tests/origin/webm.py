"""A small film for browsers: WebM with VP8, each picture complete in itself, made of lossy WebP pictures.

Source: the Matroska specification (RFC 9559), WebM container guidelines, WebP container (RFC 9649).
"""

from __future__ import annotations

import io
import struct

from PIL import Image, ImageDraw

__all__ = ["film"]

_WIDTH, _HEIGHT = 320, 180
_PER_SECOND = 2


def film(seconds: int) -> bytes:
    """A film that shows its own time, with an index of its pictures before them."""
    pictures = [_vp8(number) for number in range(seconds * _PER_SECOND)]
    clusters = [
        _element(b"\x1f\x43\xb6\x75", _number(b"\xe7", at * 1000 // _PER_SECOND) + _block(picture))
        for at, picture in enumerate(pictures)
    ]
    info = _element(
        b"\x15\x49\xa9\x66",
        _number(b"\x2a\xd7\xb1", 1_000_000)
        + _element(b"\x44\x89", _float(seconds * 1000))
        + _element(b"\x4d\x80", b"test")
        + _element(b"\x57\x41", b"test"),
    )
    video = _element(b"\xe0", _number(b"\xb0", _WIDTH) + _number(b"\xba", _HEIGHT))
    track = (
        _number(b"\xd7", 1)
        + _number(b"\x73\xc5", 1)
        + _number(b"\x83", 1)
        + _element(b"\x86", b"V_VP8")
        + _number(b"\x23\xe3\x83", 1_000_000_000 // _PER_SECOND)
        + video
    )
    tracks = _element(b"\x16\x54\xae\x6b", _element(b"\xae", track))
    # Places are counted from the beginning of what the segment holds; those in the index have a fixed length.
    length = len(_cues([0] * len(clusters)))
    places, at = [], len(info) + len(tracks) + length
    for cluster in clusters:
        places.append(at)
        at += len(cluster)
    segment = info + tracks + _cues(places) + b"".join(clusters)
    return _head() + _element(b"\x18\x53\x80\x67", segment)


def _head() -> bytes:
    return _element(
        b"\x1a\x45\xdf\xa3",
        _number(b"\x42\x86", 1)
        + _number(b"\x42\xf7", 1)
        + _number(b"\x42\xf2", 4)
        + _number(b"\x42\xf3", 8)
        + _element(b"\x42\x82", b"webm")
        + _number(b"\x42\x87", 2)
        + _number(b"\x42\x85", 2),
    )


def _cues(places: list[int]) -> bytes:
    points = [
        _element(
            b"\xbb",
            _element(b"\xb3", (at * 1000 // _PER_SECOND).to_bytes(4))
            + _element(b"\xb7", _number(b"\xf7", 1) + _element(b"\xf1", place.to_bytes(8))),
        )
        for at, place in enumerate(places)
    ]
    return _element(b"\x1c\x53\xbb\x6b", b"".join(points))


def _block(picture: bytes) -> bytes:
    """A picture of the first track, at the time of its cluster, from which a film can be begun."""
    return _element(b"\xa3", b"\x81" + (0).to_bytes(2) + b"\x80" + picture)


def _vp8(number: int) -> bytes:
    image = Image.effect_noise((_WIDTH, _HEIGHT), 60).convert("RGB")  # which takes some room
    ImageDraw.Draw(image).text((10, 10), f"{number / _PER_SECOND:.1f} s", fill="white")
    out = io.BytesIO()
    image.save(out, "WEBP", lossless=False, quality=90, method=0)
    data = out.getvalue()
    at = 12
    while data[at : at + 4] != b"VP8 ":
        at += 8 + int.from_bytes(data[at + 4 : at + 8], "little") + 1 & ~1
    size = int.from_bytes(data[at + 4 : at + 8], "little")
    return data[at + 8 : at + 8 + size]


def _element(name: bytes, data: bytes) -> bytes:
    return name + (len(data) | 1 << 56).to_bytes(8) + data


def _number(name: bytes, value: int) -> bytes:
    return _element(name, value.to_bytes(max(1, (value.bit_length() + 7) // 8)))


def _float(value: float) -> bytes:
    return struct.pack(">d", value)
