"""What is written is what was read: over real archives, samples, and courses that no archive ever held."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from modulestore.keys import BlockKey
from modulestore.model.comparing import same_value
from modulestore.model.plain import PlainBlock, PlainCourse
from modulestore.olx import open_archive, read_course
from modulestore.olx.writing import write_course
from tests.conftest import SHARED
from tests.olx.plain_courses import courses
from tests.olx.trees import DictTree

SAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
MISSING = object()
NO_TIMES = [(name, time) for name in ("start_time", "end_time") for time in ("", "00:00:00")]
ARCHIVES = sorted((SHARED / "courses").glob("*.tar.gz"))


def read_again(plain: PlainCourse) -> PlainCourse:
    """A course that was written and read."""
    written = write_course(plain)
    statics = {path: bytes(file.size) for path, file in written.statics.items()}
    return read_course(DictTree({**written.files, **statics}, name=written.folder))


def differences(one: Mapping[BlockKey, PlainBlock], other: Mapping[BlockKey, PlainBlock]) -> list[str]:
    """What is not the same, by block and field."""
    found = [f"{key.type}/{key.id} is in one only" for key in one.keys() ^ other.keys()]
    for key in one.keys() & other.keys():
        a, b = one[key], other[key]
        for scope in ("settings", "content"):
            mine, theirs = getattr(a, scope), getattr(b, scope)
            for name in {*mine, *theirs}:
                if name not in mine or name not in theirs or not same_value(mine[name], theirs[name]):
                    shown = f"{mine.get(name, 'not set')!r} → {theirs.get(name, 'not set')!r}"
                    found.append(f"{key.type}/{key.id} {name}: {shown}")
        if a.children != b.children:
            found.append(f"{key.type}/{key.id} children: {a.children} → {b.children}")
        if not same_value(list(a.asides), list(b.asides)):
            found.append(f"{key.type}/{key.id} asides")
    return found


def expect_same(one: PlainCourse, other: PlainCourse) -> None:
    assert (one.key, one.root) == (other.key, other.root)
    assert differences(one.blocks, other.blocks) == []
    assert differences(one.draft_blocks, other.draft_blocks) == []
    assert same_value(one.assets, other.assets)
    assert [replace(file, path="") for file in one.files] == [replace(file, path="") for file in other.files]


def expect_laws(plain: PlainCourse) -> None:
    again = read_again(plain)
    expect_same(plain, again)
    assert write_course(again).files == write_course(plain).files


@pytest.mark.parametrize("name", ["sample-course", "sample-library"])
def test_a_sample(name: str) -> None:
    with open_archive(SAMPLES / name) as tree:
        plain = read_course(tree)
    assert write_course(plain).problems == []
    expect_laws(plain)


@pytest.mark.skipif(not ARCHIVES, reason="../shared/courses is absent: no real archive was written")
@pytest.mark.parametrize("path", ARCHIVES, ids=lambda path: path.name.partition(".")[0])
def test_a_real_archive(path: Path) -> None:
    with open_archive(path) as tree:
        plain = read_course(tree)
    assert write_course(plain).problems == []
    expect_laws(plain)


@settings(max_examples=max(60, settings().max_examples), suppress_health_check=list(HealthCheck))
@given(courses(stored=False))
def test_what_was_read_once_is_in_its_normal_form(plain: PlainCourse) -> None:
    """Whatever is in a course, and however often it goes there and back."""
    written = write_course(plain)
    again = read_again(plain)
    assert write_course(again).files == written.files
    expect_same(again, read_again(again))


@settings(max_examples=max(60, settings().max_examples), suppress_health_check=list(HealthCheck))
@given(courses(stored=True))
def test_values_survive(plain: PlainCourse) -> None:
    """Every value that the reader could have made."""
    again = read_again(plain)
    lost = {
        f"{key.type}/{key.id} {name}: {value!r} → {found.get(name, 'not set')!r}"
        for key, block in plain.blocks.items()
        for fields, found in (
            (block.settings, again.blocks[key].settings),
            (block.content, again.blocks[key].content),
        )
        for name, value in fields.items()
        if name not in ("data", "inner_xml", "xml_attributes")
        and (name, value) not in NO_TIMES
        and not same_value(value, found.get(name, MISSING))
    }
    assert lost == set()
