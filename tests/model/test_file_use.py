"""Which files content speaks of."""

from __future__ import annotations

from typing import Any

import pytest

from modulestore.keys import AssetKey, CourseKey, asset_name
from modulestore.model.file_use import FileUse, is_text
from modulestore.model.files import CourseFile

COURSE = CourseKey("Example", "Use", "2026")


def file(path: str, *, thumbnail: str | None = None, content_type: str | None = None) -> CourseFile:
    return CourseFile(
        COURSE.asset(asset_name(path)),
        1,
        path,
        content_type=content_type,
        thumbnail=thumbnail,
        import_path=path if "/" in path else None,
    )


FILES = [
    file("tides.png"),
    file("images/spring tide (1).png"),
    file("Größe.pdf"),
    file("100%.pdf"),
    file("deep/er/still.js"),
    file("subs_OEoXaMPEzfM.srt.sjson"),
    file("uk_subs_OEoXaMPEzfM.srt.sjson"),
    file("subs_lecture.srt.sjson"),
]


def used(value: Any, files: list[CourseFile] = FILES) -> set[str]:
    use = FileUse(COURSE, files)
    use.see(value)
    return {key.name for key in use.used}


@pytest.mark.parametrize(
    "value",
    [
        '<img src="/static/tides.png">',
        "/static/tides.png",
        "tides.png",
        {"course_image": "tides.png"},
        [{"tides.png": 1}],
        ("a", ["look at tides.png."]),
        "url(../tides.png)",
        "/asset-v1:Example+Use+2026+type@asset+block@tides.png",
        "asset-v1%3AExample%2BUse%2B2026%2Btype%40asset%2Bblock%40tides.png",
        "/c4x/Example/Use/asset/tides.png",
        r'"\/static\/tides.png"',
        "var name = 'tides.png?v=7';",
        "![tides](/static/tides.png)",
        "[[/static/tides.png|alt]]",
        "<source>tides.png</source>",
        "%2Fstatic%2Ftides.png",
        "<img src=/static/tides.png>",
        "&#116;ides.png",
    ],
)
def test_a_file_that_is_spoken_of(value: Any) -> None:
    assert used(value) == {"tides.png"}


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ('"/static/images/spring tide (1).png"', "images_spring_tide__1_.png"),
        ('"/static/images/spring%20tide%20(1).png"', "images_spring_tide__1_.png"),
        ('<a href="spring tide (1).png#x">', "images_spring_tide__1_.png"),
        ("spring tide (1).png", "images_spring_tide__1_.png"),
        ("images_spring_tide__1_.png", "images_spring_tide__1_.png"),
        ('"/static/Gr%C3%B6%C3%9Fe.pdf"', "Größe.pdf"),
        (r'{"file": "Gr\u00f6\u00dfe.pdf"}', "Größe.pdf"),
        ("100%.pdf", "100%.pdf"),
        ("still.js", "deep_er_still.js"),
        ("./er/../deep/er/still.js", "deep_er_still.js"),
        ("https://videos.example.com/lecture.mp4", "subs_lecture.srt.sjson"),
    ],
)
def test_files_with_other_names(value: str, name: str) -> None:
    assert used(value) == {name}


def test_subtitles_of_a_video() -> None:
    both = {"subs_OEoXaMPEzfM.srt.sjson", "uk_subs_OEoXaMPEzfM.srt.sjson"}
    assert used({"sub": "OEoXaMPEzfM"}) == both
    assert used({"youtube": "0.75:x,1.00:OEoXaMPEzfM"}) == both
    assert used({"transcripts": {"uk": "uk_subs_OEoXaMPEzfM.srt.sjson"}}) == {"uk_subs_OEoXaMPEzfM.srt.sjson"}


@pytest.mark.parametrize("value", ["", "tides", "png", "ebb_tides.png", "tides.pngs", None, 7, {"a": [True]}])
def test_what_speaks_of_no_file(value: Any) -> None:
    assert used(value) == set()


def test_files_that_are_always_used() -> None:
    odd = CourseFile(COURSE.asset("a~b:c.png"), 1, "")
    assert used("", [file("python_lib.zip"), odd, file("other.zip")]) == {"python_lib.zip", "a~b:c.png"}


def test_thumbnails_of_used_pictures() -> None:
    thumbnails = [
        CourseFile(AssetKey(COURSE, name, "thumbnail"), 1, "") for name in ("tides-png.jpg", "other-png.jpg")
    ]
    files = [
        file("tides.png", thumbnail="tides-png.jpg"),
        file("other.png", thumbnail="other-png.jpg"),
        *thumbnails,
    ]
    assert used("tides.png", files) == {"tides.png", "tides-png.jpg"}
    assert used("tides-png.jpg", files) == {"tides-png.jpg"}
    assert used("nothing.png", [file("nothing.png", thumbnail="gone.jpg")]) == {"nothing.png"}


def test_files_in_which_others_are_named() -> None:
    texts = [
        file("a", content_type="text/html"),
        file("a", content_type="application/javascript"),
        file("a", content_type="application/ld+json"),
        file("a.CSS", content_type="application/octet-stream"),
        file("a.svg"),
    ]
    assert all(map(is_text, texts))
    others = [
        file("a.png"),
        file("a", content_type="application/pdf"),
        file("a.mp4", content_type="video/mp4"),
    ]
    assert not any(map(is_text, others))
