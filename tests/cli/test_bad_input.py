"""Archives that are broken or mean harm: an error that names the place, exit code 2, the store as before."""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from modulestore._sync.ports import Backend
from modulestore._sync.sqlite import open_sqlite
from modulestore._sync.store import Store
from modulestore.cli import main
from tests._sync.stores import COURSE, everything

Build = Callable[[Path], Path]

ROOT = '<course org="O" course="C" url_name="R">{}</course>'


def packed(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for info, data in [(tarfile.TarInfo("course/course.xml"), ROOT.format("").encode()), *members]:
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def member(name: str, data: bytes = b"", **attributes: Any) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    for attribute, value in attributes.items():
        setattr(info, attribute, value)
    return info, data


def truncated(folder: Path) -> Path:
    whole = packed(
        folder / "whole.tar.gz", member("course/static/a.bin", bytes(range(256)) * 4000)
    ).read_bytes()
    path = folder / "course.tar.gz"
    path.write_bytes(whole[: len(whole) // 2])
    return path


def bomb(folder: Path) -> Path:
    return packed(folder / "course.tar.gz", member("course/static/zeros.bin", bytes(200 * 1024 * 1024)))


def with_member(name: str, **attributes: Any) -> Build:
    return lambda folder: packed(folder / "course.tar.gz", member(name, **attributes))


def with_root(text: str) -> Build:
    def build(folder: Path) -> Path:
        (folder / "course").mkdir()
        (folder / "course" / "course.xml").write_text(text)
        return folder / "course"

    return build


def cycle(folder: Path) -> Path:
    course = with_root(ROOT.format('<vertical url_name="a"/>'))(folder)
    (course / "vertical").mkdir()
    (course / "vertical" / "a.xml").write_text('<vertical><vertical url_name="b"/></vertical>')
    (course / "vertical" / "b.xml").write_text('<vertical><vertical url_name="a"/></vertical>')
    return course


def too_large(folder: Path) -> Path:
    course = with_root(ROOT.format('<chapter url_name="a"/>'))(folder)
    (course / "chapter").mkdir()
    (course / "chapter" / "a.xml").write_text("<chapter/>")
    (course / "policies").mkdir()
    long = {"chapter/a": {"display_name": os.urandom(17 * 1024 * 1024).hex()}}
    (course / "policies" / "R.json").write_text(json.dumps(long))
    return course


def no_archive(folder: Path) -> Path:
    (folder / "course.tar.gz").write_text("not an archive")
    return folder / "course.tar.gz"


ENTITIES = (
    '<!DOCTYPE course [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><course org="O" course="C" url_name="&b;"/>'
)

BAD: dict[str, tuple[Build, str, str]] = {
    "truncated gzip": (truncated, "InvalidArchive", "course.tar.gz"),
    "not an archive": (no_archive, "InvalidArchive", "course.tar.gz"),
    "parent folder": (with_member("course/../../outside.txt"), "InvalidArchive", "outside.txt"),
    "absolute name": (with_member("/etc/outside.txt"), "InvalidArchive", "outside.txt"),
    "symbolic link": (
        with_member("course/static/link", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        "InvalidArchive",
        "link",
    ),
    "hard link": (
        with_member("course/static/hard", type=tarfile.LNKTYPE, linkname="../../../etc/passwd"),
        "InvalidArchive",
        "hard",
    ),
    "device": (with_member("course/static/tty", type=tarfile.CHRTYPE), "InvalidArchive", "tty"),
    "pipe": (with_member("course/static/pipe", type=tarfile.FIFOTYPE), "InvalidArchive", "pipe"),
    "decompression bomb": (bomb, "InvalidArchive", "course.tar.gz"),
    "entities": (with_root(ENTITIES), "InvalidArchive", "course.xml:1"),
    "external entity": (
        with_root('<!DOCTYPE c SYSTEM "file:///etc/passwd"><course org="O" course="C" url_name="R"/>'),
        "InvalidArchive",
        "course.xml:1",
    ),
    "not XML": (with_root("<course>"), "InvalidArchive", "course.xml:1"),
    "no course": (lambda folder: folder, "InvalidArchive", "course.xml"),
    "a name that cannot be a key": (
        with_root('<course org="O" course="C" url_name="?"/>'),
        "InvalidArchive",
        "course.xml",
    ),
    "cycle": (cycle, "InvalidCourse", "vertical/a"),
    "too large": (too_large, "DocumentTooLarge", "structure"),
}


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[Backend]:
    backend = open_sqlite(tmp_path / "courses.db")
    Store(backend).import_course(COURSE)
    yield backend
    backend.close()


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name: str, backend: Backend, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build, kind, place = BAD[name]
    folder = tmp_path / "input"
    folder.mkdir()
    path = build(folder)
    before = everything(backend)
    code = main(["--store", f"sqlite:///{tmp_path}/courses.db", "import", str(path), "--json"])
    error = json.loads(capsys.readouterr().err)["error"]
    assert (code, error["type"]) == (2, kind)
    assert place in f"{error['place']} {error['message']}"
    assert everything(backend) == before
    assert not (tmp_path / "outside.txt").exists()


def test_a_block_id_that_cannot_be_a_key_is_cleaned_and_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    course = with_root(ROOT.format('<chapter url_name="week one" display_name="W"/>'))(tmp_path)
    store = f"sqlite:///{tmp_path}/courses.db"
    assert main(["--store", store, "import", str(course), "--json"]) == 0
    (problem,) = json.loads(capsys.readouterr().out)["problems"]
    assert problem["place"] == "course.xml:1"
    assert "week one" in problem["message"]
    assert "week_one" in problem["action"]
    assert main(["--store", store, "show", "block-v1:O+C+R+type@chapter+block@week_one", "--json"]) == 0
