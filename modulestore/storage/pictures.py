"""Making thumbnails of pictures. The only module that decodes any.

Pictures come from strangers. So nothing is decoded before its header says how large it will be, in one of few
formats; JPEGs are decoded at the size that is needed; and whatever goes wrong is an answer, not a failure.
"""

from __future__ import annotations

import io
from typing import BinaryIO, Final

from modulestore.errors import ExtraMissing, InvalidInput
from modulestore.model.thumbnails import Thumbnail

try:
    from PIL import ExifTags, Image, ImageOps
except ImportError as error:
    raise ExtraMissing(
        f"thumbnails cannot be made: {error}", hint="pip install 'modulestore[thumbnails]'"
    ) from error

__all__ = ["make_thumbnail"]

_FORMATS: Final = ("BMP", "GIF", "JPEG", "PNG", "WEBP")
_MOST_PIXELS: Final = 25_000_000  # which take 450 MB to decode
_MOST_OF_JPEG: Final = 50_000_000  # as cameras of today have; decoded at the size that is needed
_MOST_SCANNED: Final = 1_000_000_000  # pixels in all scans of a progressive JPEG, each of which takes time
_SCAN: Final = b"\xff\xda"
_PIECE: Final = 1 << 20
_QUALITY: Final = 85
_ON_ITS_SIDE: Final = (5, 6, 7, 8)  # orientations, in EXIF


def make_thumbnail(data: BinaryIO, wanted: Thumbnail) -> bytes:
    """The thumbnail of a picture: of an animation the first frame, turned as its camera was held.

    Raises:
        InvalidInput: none can be made; says why.
    """
    try:
        with Image.open(data, formats=_FORMATS) as picture:
            _check(picture, data)
            return _encoded(_small(picture, wanted), wanted)
    except InvalidInput:
        raise
    except Exception as error:
        # Decoders of damaged and hostile data raise nearly anything.
        reason = str(error) or type(error).__name__
        raise InvalidInput(f"no thumbnail can be made of this picture: {reason}") from error


def _check(picture: Image.Image, data: BinaryIO) -> None:
    pixels = picture.width * picture.height
    most = _MOST_OF_JPEG if picture.format == "JPEG" else _MOST_PIXELS
    if pixels > most:
        raise InvalidInput(f"a picture of {pixels:,} pixels gets no thumbnail: {most:,} at most")
    if picture.format == "JPEG":
        scans = _count_scans(data)
        if pixels * scans > _MOST_SCANNED:
            raise InvalidInput(f"a picture of {pixels:,} pixels in {scans:,} scans gets no thumbnail")


def _count_scans(data: BinaryIO) -> int:
    """How often a JPEG says that a scan begins: inside of one, its sign cannot stand."""
    place = data.tell()
    data.seek(0)
    scans, last = 0, b""
    while piece := data.read(_PIECE):
        scans += (last + piece).count(_SCAN)
        last = piece[-1:]
    data.seek(place)
    return scans


def _small(picture: Image.Image, wanted: Thumbnail) -> Image.Image:
    lies_on_its_side = picture.getexif().get(ExifTags.Base.Orientation, 1) in _ON_ITS_SIDE
    size = (wanted.height, wanted.width) if lies_on_its_side else (wanted.width, wanted.height)
    if picture.format != "JPEG":  # whose decoder makes it small, as long as nobody asks for all of it
        mode = "RGBA" if picture.has_transparency_data else "RGB"
        picture = picture if picture.mode == mode else picture.convert(mode)
    picture.thumbnail(size)
    return ImageOps.exif_transpose(picture)


def _encoded(small: Image.Image, wanted: Thumbnail) -> bytes:
    """Pixels alone: nothing of what cameras and programs write beside them, such as places."""
    transparent = small.mode == "RGBA" and wanted.format != "jpeg"
    canvas = Image.new("RGBA" if transparent else "RGB", small.size, (0, 0, 0, 0) if transparent else "white")
    canvas.paste(small, mask=small if small.mode == "RGBA" else None)
    out = io.BytesIO()
    canvas.save(out, format=wanted.format, quality=_QUALITY, optimize=True)
    return out.getvalue()
