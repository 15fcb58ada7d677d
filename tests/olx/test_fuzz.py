"""Damaged archives and damaged XML: a typed error or a course with problems, never anything else."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modulestore.errors import ModuleStoreError
from modulestore.model.plain import PlainCourse
from modulestore.olx import open_archive, read_course
from tests.olx.test_archive import file
from tests.olx.trees import DictTree, pack

SAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"


def files_of(name: str) -> dict[str, bytes]:
    folder = SAMPLES / name
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


COURSE = files_of("sample-course")
TEXTS = sorted(name for name in COURSE if not name.startswith("static/"))
TAR = pack([file(f"course/{name}", data) for name, data in sorted(COURSE.items())], packed=False)
TAR_GZ = pack([file(f"course/{name}", data) for name, data in sorted(COURSE.items())])


def at_least(examples: int) -> int:
    """So many examples, or as many as the profile asks for."""
    return max(examples, settings().max_examples)


def check(course: PlainCourse) -> None:
    """What holds of every course that is read."""
    view = {**course.blocks, **course.draft_blocks}
    assert course.root in course.blocks
    for blocks in (course.blocks, view):
        assert all(child in blocks for block in blocks.values() for child in block.children or ())


def read_or_refuse(files: dict[str, bytes]) -> None:
    with contextlib.suppress(ModuleStoreError):
        check(read_course(DictTree(files)))


edits = st.lists(
    st.tuples(
        st.integers(0, 10**6),
        st.sampled_from(["flip", "cut", "insert", "copy"]),
        st.binary(min_size=1, max_size=6)
        | st.sampled_from(
            [
                b"<",
                b">",
                b'"',
                b"&",
                b"&amp;",
                b"<a>",
                b"</vertical>",
                b"<!DOCTYPE x>",
                b"\x00",
                b"\xff",
                b"\xc3",
                b' url_name="x"',
                b' filename="a"',
                b"<vertical>",
                b'"1e999"',
                b"[",
                b"{",
                b"\\u0000",
                b"null",
                b"+",
            ]
        ),
    ),
    min_size=1,
    max_size=6,
)


def mutated(data: bytes, changes: list[tuple[int, str, bytes]]) -> bytes:
    for at, how, piece in changes:
        at %= len(data) + 1
        if how == "flip":
            data = data[:at] + piece + data[at + len(piece) :]
        elif how == "cut":
            data = data[:at] + data[at + 20 * len(piece) :]
        elif how == "insert":
            data = data[:at] + piece + data[at:]
        else:
            data = data[:at] + data[at // 2 : at // 2 + 60] + data[at:]
    return data


@settings(max_examples=at_least(400))
@given(st.lists(st.tuples(st.sampled_from(TEXTS), edits), min_size=1, max_size=4))
def test_damaged_files(damage: list[tuple[str, list[tuple[int, str, bytes]]]]) -> None:
    files = dict(COURSE)
    for name, changes in damage:
        files[name] = mutated(files[name], changes)
    read_or_refuse(files)


@settings(max_examples=at_least(200))
@given(
    st.lists(st.tuples(st.sampled_from(TEXTS), st.sampled_from(TEXTS)), min_size=1, max_size=6), st.booleans()
)
def test_files_in_each_others_places(swaps: list[tuple[str, str]], gone: bool) -> None:
    files = dict(COURSE)
    for one, other in swaps:
        files[one], files[other] = files.get(other, b""), files.get(one, b"")
        if gone:
            files.pop(other, None)
    read_or_refuse(files)


names = st.sampled_from(["a", "b", "c", "a b", "∂", "x:y", ""])
types = st.sampled_from(
    [
        "course",
        "chapter",
        "sequential",
        "vertical",
        "html",
        "problem",
        "video",
        "conditional",
        "split_test",
        "library_content",
        "poll_question",
        "discussion",
        "nobody",
        "done",
        "show",
        "static_tab",
        "wiki",
    ]
)
attributes = st.sampled_from(
    [
        "",
        ' filename="a"',
        ' sources="i4x://O/C/vertical/a;i4x://O/C/html/b"',
        ' due="x"',
        ' max_attempts="1"',
        ' parent_url="i4x://O/C/vertical/a" index_in_children_list="0"',
        ' name="a"',
        ' slug="b"',
    ]
)
elements = st.recursive(
    st.builds("<{0} url_name='{1}'{2}/>".format, types, names, attributes),
    lambda inner: st.builds(
        "<{0} url_name='{1}'{2}>{3}</{0}>".format,
        types,
        names,
        attributes,
        st.lists(inner, max_size=3).map("".join),
    ),
    max_leaves=8,
)
paths = st.builds(
    "{0}{1}/{2}.xml".format,
    st.sampled_from(["", "", "drafts/"]),
    types,
    st.sampled_from(["a", "b", "c", "x/y"]),
)


@settings(max_examples=at_least(500))
@given(elements, st.dictionaries(paths, elements, max_size=8))
def test_courses_nobody_would_write(inside: str, others: dict[str, str]) -> None:
    files = {path: text.encode() for path, text in others.items()}
    files["course.xml"] = (
        f'<course org="O" course="C" url_name="R" display_name="D">{inside}</course>'.encode()
    )
    read_or_refuse(files)
    try:
        once, again = read_course(DictTree(files)), read_course(DictTree(files))
    except ModuleStoreError:
        return
    assert once == again


@settings(max_examples=at_least(150))
@given(st.sampled_from([TAR, TAR_GZ]), edits)
def test_damaged_archives(data: bytes, changes: list[tuple[int, str, bytes]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.tar.gz"
        path.write_bytes(mutated(data, changes))
        with contextlib.suppress(ModuleStoreError), open_archive(path) as tree:
            check(read_course(tree))


@pytest.mark.parametrize("part", range(1, 40))
def test_archives_that_are_cut_off_anywhere(part: int, tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    for data in (TAR_GZ, TAR[: -19 * 512]):
        path.write_bytes(data[: len(data) * part // 40])
        with pytest.raises(ModuleStoreError), open_archive(path):
            pass
