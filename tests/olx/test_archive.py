"""Opening archives: what is read, what is refused, and that nothing stays behind."""

from __future__ import annotations

import gzip
import io
import os
import random
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from modulestore.errors import InvalidArchive
from modulestore.olx import FolderTree, Limits, open_archive, read_course
from tests.olx.trees import pack

ROOT = ("course/course.xml", b'<course url_name="R" org="O" course="C"><html url_name="h">.</html></course>')


def file(name: str, data: bytes = b"") -> tuple[tarfile.TarInfo, bytes]:
    return tarfile.TarInfo(name), data


def special(name: str, kind: bytes, link: str = "") -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, link
    return member, b""


def renamed(name: str) -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo("harmless")
    member.pax_headers = {"path": name}
    return member, b""


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Temporary folders are made here; none may be left."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


@pytest.fixture
def refused(tmp_path: Path, scratch: Path) -> Callable[..., InvalidArchive]:
    """Opens bytes as an archive, which must fail; the error."""

    def open_it(data: bytes, limits: Limits | None = None) -> InvalidArchive:
        path = tmp_path / "archive.tar.gz"
        path.write_bytes(data)
        with pytest.raises(InvalidArchive) as caught, open_archive(path, limits=limits):
            pass
        assert list(scratch.iterdir()) == []
        return caught.value

    return open_it


def names(data: bytes, tmp_path: Path, **options: Limits) -> list[str]:
    path = tmp_path / "archive.tar.gz"
    path.write_bytes(data)
    with open_archive(path, **options) as tree:
        return list(tree.names())


@pytest.mark.parametrize("packed", [True, False])
def test_a_tar_file_is_read_from_its_course_folder(packed: bool, tmp_path: Path) -> None:
    data = pack(
        [
            special("./course", tarfile.DIRTYPE),
            file("./course/course.xml", ROOT[1]),
            file("./course/static/ü b", b"12"),
        ],
        packed=packed,
    )
    path = tmp_path / "My Course.tar.gz"
    path.write_bytes(data)
    with open_archive(path) as tree:
        assert tree.names() == ["course.xml", "static/ü b"]
        assert tree.name == "course"
        assert (tree.size("static/ü b"), tree.read("static/ü b")) == (2, b"12")
        assert tree.exists("course.xml")
        assert not tree.exists("static")
        with tree.open("static/ü b") as opened:
            assert opened.read() == b"12"
        with pytest.raises(InvalidArchive):
            tree.read("static/../course.xml")


def test_a_large_file_is_kept_on_disk_while_the_archive_is_open(tmp_path: Path, scratch: Path) -> None:
    large = random.Random(2).randbytes(3_000_000)
    path = tmp_path / "a.tar.gz"
    link = special("course/static/link", tarfile.SYMTYPE, "large")
    path.write_bytes(pack([file(*ROOT), file("course/static/large", large), link]))
    with open_archive(path) as tree:
        assert len([one for one in scratch.rglob("*") if one.is_file()]) == 1
        for name in ("static/large", "static/link"):
            assert tree.read(name) == large
            assert tree.size(name) == len(large)
    assert tree.size("static/large") == len(large)
    with pytest.raises(InvalidArchive) as caught:
        tree.read("static/large")
    assert caught.value.place == "course/static/large"


def test_a_course_without_a_folder_takes_the_name_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "C9.tar.gz"
    path.write_bytes(pack([file("course.xml", b'<course url_name="R"/>')]))
    with open_archive(path) as tree:
        assert str(read_course(tree).key) == "course-v1:edx+C9+R"


def test_companion_files_are_not_there(tmp_path: Path) -> None:
    data = pack(
        [
            file(*ROOT),
            *(
                file(f"course/{name}")
                for name in ("._course.xml", ".DS_Store", "x~", "._d/x", "static/._a.png", ".git/x")
            ),
        ]
    )
    assert names(data, tmp_path) == ["course.xml"]


def test_the_later_of_two_members_of_one_name_counts(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(pack([file(*ROOT), file("course/a", b"1"), file("./course//a", b"22")], packed=False))
    with open_archive(path) as tree:
        assert tree.read("a") == b"22"


def test_links_inside_become_copies(tmp_path: Path) -> None:
    data = pack(
        [
            special("course/course.xml", tarfile.SYMTYPE, "roots/R.xml"),
            file("course/roots/R.xml", ROOT[1]),
            special("course/hard", tarfile.LNKTYPE, "course/roots/R.xml"),
            special("course/chain", tarfile.SYMTYPE, "./roots/../hard"),
            special("course/new/up", tarfile.SYMTYPE, "../../course/hard"),
            special("course/folder", tarfile.SYMTYPE, "roots"),
            special("course/nothing", tarfile.SYMTYPE, "gone"),
            special("course/loop", tarfile.SYMTYPE, "loop"),
        ]
    )
    path = tmp_path / "a.tar.gz"
    path.write_bytes(data)
    with open_archive(path) as tree:
        assert tree.names() == ["chain", "course.xml", "hard", "new/up", "roots/R.xml"]
        assert tree.read("chain") == tree.read("new/up") == ROOT[1]
        found = read_course(tree)
    assert [problem.place for problem in found.problems] == ["folder", "loop", "nothing"]


HOSTILE: list[tuple[tuple[tarfile.TarInfo, bytes], str, str]] = [
    (file("/etc/passwd", b"x"), "/etc/passwd", "absolute"),
    (file("../evil", b"x"), "../evil", "leads out"),
    (file("course/../../evil", b"x"), "course/../../evil", "leads out"),
    (special("course/..", tarfile.DIRTYPE), "course/..", "leads out"),
    (special("course/a", tarfile.SYMTYPE, "/etc/passwd"), "course/a", "link that leads out"),
    (special("course/a", tarfile.SYMTYPE, "../../etc/passwd"), "course/a", "link that leads out"),
    (special("course/a", tarfile.SYMTYPE, "x/../../../y"), "course/a", "link that leads out"),
    (special("course/a", tarfile.LNKTYPE, "../x"), "course/a", "link that leads out"),
    (special("course/a", tarfile.LNKTYPE, "/x"), "course/a", "link that leads out"),
    (special("course/a", tarfile.CHRTYPE), "course/a", "no file, folder or link"),
    (special("course/a", tarfile.BLKTYPE), "course/a", "no file, folder or link"),
    (special("course/a", tarfile.FIFOTYPE), "course/a", "no file, folder or link"),
    (renamed("course/a\0b"), "course/a\0b", "cannot be the name of a file"),
    (file("course/" + "n" * 300, b"x"), "course/" + "n" * 248, "too long"),
    (file("course/" + "d/" * 3000 + "f", b"x"), ("course/" + "d/" * 3000)[:255], "too long"),
    (file("course/" + "d/" * 80 + "f", b"x"), "course/" + "d/" * 80 + "f", "too long"),
    (special("course/course.xml", tarfile.DIRTYPE), "course/course.xml", "both a file and a folder"),
    (file("course/course.xml/x", b"x"), "course/course.xml/x", "its folder is a file"),
]


@pytest.mark.parametrize(
    ("member", "place", "message"), HOSTILE, ids=[f"{place[:20]!a}-{m[:12]}" for _, place, m in HOSTILE]
)
def test_a_dangerous_member_is_named(
    member: tuple[tarfile.TarInfo, bytes], place: str, message: str, refused: Callable[..., InvalidArchive]
) -> None:
    error = refused(pack([file(*ROOT), member, file("course/later", b"x")]))
    assert message in error.message
    assert error.place == place


def test_names_that_are_not_utf_8(refused: Callable[..., InvalidArchive]) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT, encoding="latin-1") as archive:
        archive.addfile(tarfile.TarInfo("course/\xe9"))
    assert "cannot be the name of a file" in refused(buffer.getvalue()).message


def test_a_sparse_member_is_refused(refused: Callable[..., InvalidArchive]) -> None:
    member = tarfile.TarInfo("course/a")
    member.pax_headers = {
        "GNU.sparse.major": "1",
        "GNU.sparse.minor": "0",
        "GNU.sparse.realsize": str(2**60),
        "GNU.sparse.name": "course/a",
    }
    data = b"1\n0\n512\n".ljust(512, b"\0") + b"x" * 512
    assert "no file, folder or link" in refused(pack([file(*ROOT), (member, data)])).message


BODY = pack(
    [
        file(*ROOT),
        file("course/static/a", random.Random(1).randbytes(50_000)),
        file("course/static/b", b"end"),
    ],
    packed=False,
)


@pytest.mark.parametrize("length", [0, 1, 100, 511, 513, 1024, 20_000, len(BODY) - 20 * 512, 52_224])
def test_a_tar_file_that_is_cut_off(length: int, refused: Callable[..., InvalidArchive]) -> None:
    end_mark = 4 * 512 + 50_176 + 512
    for data in (BODY[: min(length, end_mark)], gzip.compress(BODY[: min(length, end_mark)], 1)):
        refused(data)


@pytest.mark.parametrize("keep", [0.0, 0.3, 0.9])
def test_gzip_that_is_cut_off_or_damaged(keep: float, refused: Callable[..., InvalidArchive]) -> None:
    packed = gzip.compress(BODY, 1, mtime=0)
    at = max(3, int(len(packed) * keep))
    refused(packed[:at])
    refused(packed[:at] + bytes([packed[at] ^ 0x55]) + packed[at + 1 :])
    refused(packed[:-4] + b"\0\0\0\0")


@pytest.mark.parametrize(
    "data", [b"hello", b"PK\x03\x04" + bytes(2000), b"\x1f\x8b", b"\x1f\x8bnot gzip", b"x" * 5000]
)
def test_what_is_no_tar_file(data: bytes, refused: Callable[..., InvalidArchive]) -> None:
    error = refused(data)
    assert error.place == "archive.tar.gz"


def test_a_damaged_header_in_the_middle_is_not_the_end(refused: Callable[..., InvalidArchive]) -> None:
    first = 1024
    damaged = BODY[:first] + b"\xff" * 512 + BODY[first + 512 :]
    assert "cut off or damaged" in refused(damaged).message


def test_bombs(refused: Callable[..., InvalidArchive], tmp_path: Path) -> None:
    zeros = pack([file(*ROOT), file("course/static/zeros", bytes(8_000_000))])
    assert len(zeros) < 100_000
    assert names(zeros, tmp_path) == ["course.xml", "static/zeros"]
    assert "too large" in refused(zeros, Limits(ratio=20, ratio_from=1000)).message
    error = refused(zeros, Limits(size=1_000_000))
    assert (error.place, "larger than 1000000 bytes" in error.message) == ("course/static/zeros", True)
    many = pack([file(*ROOT), *(file(f"course/static/{at}") for at in range(50))])
    assert "more than 20 members" in refused(many, Limits(members=20)).message
    tail = gzip.compress(BODY + bytes(30_000_000), 1)
    assert "too large" in refused(tail, Limits(size=100_000, members=10)).message
    link = special("course/a", tarfile.LNKTYPE, "course/static/zeros")
    copies = pack([file(*ROOT), file("course/static/zeros", bytes(400_000)), link])
    assert refused(copies, Limits(size=500_000)).place == "course/a"


def test_a_header_that_claims_to_be_huge(refused: Callable[..., InvalidArchive]) -> None:
    member = tarfile.TarInfo("course/x")
    member.type, member.size = tarfile.XHDTYPE, 2**33
    header = member.tobuf(tarfile.GNU_FORMAT)
    assert "header in it is too large" in refused(gzip.compress(header + bytes(1_000_000), 1)).message


def test_nothing_is_left_when_the_reader_fails(tmp_path: Path, scratch: Path) -> None:
    path = tmp_path / "a.tar.gz"
    path.write_bytes(pack([file(*ROOT)]))

    def failing() -> None:
        with open_archive(path):
            assert len(list(scratch.iterdir())) == 1
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing()
    assert list(scratch.iterdir()) == []


def test_an_archive_without_a_course(refused: Callable[..., InvalidArchive], tmp_path: Path) -> None:
    assert "no course.xml" in refused(pack([file("readme.txt")])).message
    with pytest.raises(InvalidArchive, match=r"no course\.xml"), open_archive(tmp_path / "scratch"):
        pass


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidArchive) as caught, open_archive(tmp_path / "gone.tar.gz"):
        pass
    assert caught.value.hint is not None
    assert str(tmp_path / "gone.tar.gz") == caught.value.place


@pytest.mark.skipif(os.geteuid() == 0, reason="not tested: a file that may not be read (root may read all)")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = tmp_path / "course.xml"
    path.touch(mode=0)
    with pytest.raises(InvalidArchive), open_archive(tmp_path) as tree:
        read_course(tree)


def test_a_folder_is_not_left_through_a_link(tmp_path: Path) -> None:
    folder, outside = tmp_path / "course", tmp_path / "outside"
    (folder / "static").mkdir(parents=True)
    outside.mkdir()
    (outside / "secret.txt").write_text("secret")
    (folder / "course.xml").write_bytes(ROOT[1])
    (folder / "static" / "out.txt").symlink_to(outside / "secret.txt")
    (folder / "static" / "dir").symlink_to(outside)
    (folder / "static" / "in.xml").symlink_to("../course.xml")
    (folder / "static" / "again").symlink_to(".")
    (folder / "static" / "none").symlink_to("gone")
    os.mkfifo(folder / "static" / "pipe")
    (folder / os.fsdecode(b"static/\xff.txt")).touch()
    (folder / ".git").mkdir()
    (folder / ".git" / "course.xml").touch()
    with open_archive(folder) as tree:
        found = read_course(tree)
    assert [one.path for one in found.files] == ["static/in.xml"]
    assert {problem.place: problem.message for problem in found.problems} == {
        "static/again": "it is a link that leads to no file",
        "static/dir": "it is a link that leads out of the folder",
        "static/none": "it is a link that leads to no file",
        "static/out.txt": "it is a link that leads out of the folder",
        "static/pipe": "it is no plain file",
        "static/?.txt": "its name is not UTF-8",
    }


def test_a_folder_that_is_not_there() -> None:
    with pytest.raises(InvalidArchive):
        FolderTree("/nowhere/at/all")


def test_what_is_neither_file_nor_folder(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidArchive, match="neither"), open_archive(tmp_path / "pipe"):
        pass
    with pytest.raises(InvalidArchive), open_archive("a\0b"):
        pass


def test_a_folder_of_any_depth(tmp_path: Path) -> None:
    (tmp_path / "course.xml").write_bytes(ROOT[1])
    folders = [str(tmp_path) + "/d" * depth for depth in range(1, 1200)]
    for folder in folders:
        os.mkdir(folder)
    try:
        with open_archive(tmp_path) as tree:
            assert tree.names() == ["course.xml"]
    finally:
        for folder in reversed(folders):  # pytest's own cleaning up would go too deep
            os.rmdir(folder)


def test_a_file_that_goes_away_while_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "course.xml").write_bytes(ROOT[1])
    with open_archive(tmp_path) as tree:
        (tmp_path / "course.xml").unlink()
        with pytest.raises(InvalidArchive) as caught:
            read_course(tree)
    assert caught.value.place == "course.xml"
