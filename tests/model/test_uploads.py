"""What files and thumbnails are called."""

from __future__ import annotations

import pytest

from modulestore.errors import InvalidInput
from modulestore.keys import CourseKey
from modulestore.model.thumbnails import Thumbnail
from modulestore.model.uploads import Description

COURSE = CourseKey("Example", "Up", "2026")


@pytest.mark.parametrize(
    ("thumbnail", "picture", "name"),
    [
        (Thumbnail(), "tides.png", "tides-png.jpg"),
        (Thumbnail(), "tides.jpg", "tides.jpg"),
        (Thumbnail(), "spring.tide.gif", "spring.tide-gif.jpg"),
        (Thumbnail(), "tides", "tides.jpg"),
        (Thumbnail(64, 32), "tides.png", "tides-png-64x32.jpg"),
        (Thumbnail(format="webp"), "tides.png", "tides-png.webp"),
        (Thumbnail(format="png"), "tides.png", "tides.png"),
        (Thumbnail(128, 128), ".png", ".png.jpg"),
    ],
)
def test_names_of_thumbnails(thumbnail: Thumbnail, picture: str, name: str) -> None:
    assert thumbnail.name(picture) == name


def test_what_no_thumbnail_is_like() -> None:
    for how in ((0, 10), (10, -1), (2049, 10)):
        with pytest.raises(InvalidInput):
            Thumbnail(*how)
    with pytest.raises(InvalidInput):
        Thumbnail(format="tiff")  # type: ignore[arg-type]


def test_descriptions() -> None:
    first = Description("images/tides (1).png", "image/png").as_file(COURSE, None)
    assert (first.key.name, first.display_name) == ("images_tides__1_.png", "tides (1).png")
    assert (first.import_path, first.locked, first.thumbnail) == ("images/tides (1).png", False, None)
    said = Description("tides.png", display_name="Tides", locked=True, import_path="tides.png").as_file(
        COURSE, None
    )
    assert (said.display_name, said.locked, said.import_path) == ("Tides", True, "tides.png")
    kept = Description("tides.png").as_file(COURSE, said)
    assert (kept.display_name, kept.locked, kept.import_path) == ("Tides", True, "tides.png")
    assert Description("tides.png", locked=False).as_file(COURSE, said).locked is False
