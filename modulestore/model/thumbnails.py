"""What thumbnails are like, and what they are called.

Source: Open edX contentstore, thumbnails: a JPEG of at most 128×128, called as the picture is. SVG pictures
are their own thumbnails.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final, Literal

from modulestore.errors import InvalidInput

__all__ = ["SVG", "Thumbnail", "ThumbnailFormat"]

ThumbnailFormat = Literal["jpeg", "webp", "png"]
SVG: Final = "image/svg+xml"

_SIZE = 128
_MOST = 2048
_ENDINGS: Final[dict[str, str]] = {"jpeg": ".jpg", "webp": ".webp", "png": ".png"}


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """What a thumbnail is to be like: in the proportions of its picture, and never larger than it.

    Attributes:
        width, height: pixels that it has at most.
        format: ``jpeg``, on white where the picture is transparent; ``webp`` or ``png``, transparent there.

    Raises:
        InvalidInput: there is no such format, or it is larger than 2048 pixels, or empty.
    """

    width: int = _SIZE
    height: int = _SIZE
    format: ThumbnailFormat = "jpeg"

    def __post_init__(self) -> None:
        if self.format not in _ENDINGS:
            raise InvalidInput(f"{self.format!r} is no format of thumbnails", hint=", ".join(_ENDINGS))
        if not (0 < self.width <= _MOST and 0 < self.height <= _MOST):
            raise InvalidInput(
                f"a thumbnail cannot have {self.width}x{self.height} pixels", hint=f"from 1 to {_MOST} each"
            )

    @property
    def content_type(self) -> str:
        """The MIME type of the thumbnail of any picture that is no SVG."""
        return f"image/{self.format}"

    def name(self, picture: str) -> str:
        """The name of the thumbnail of a picture that is no SVG: ``a.png`` gives ``a-png.jpg``. Where it is
        not of the usual size, it says which: ``a-png-64x64.jpg``.
        """
        ending = _ENDINGS[self.format]
        path = PurePosixPath(picture)
        root = path.stem if path.suffix == ending else path.stem + path.suffix.replace(".", "-")
        size = "" if (self.width, self.height) == (_SIZE, _SIZE) else f"-{self.width}x{self.height}"
        return f"{root}{size}{ending}"
