"""``--verbose``: what is told of a store while a command works with it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from modulestore import connect
from modulestore.cli import main
from modulestore.cli.telling import Teller
from modulestore.errors import StorageUnavailable
from modulestore.observing import CacheCall, Event, StorageCall

KEY = "course-v1:Example+MS101+2026"
CALL = re.compile(r"-- +[\d,]+\.\d ms  (\S+)( +(([\d,]+) more)?.*)?")
END = re.compile(r"-- [\d,]+\.\d ms in all; [\d,]+\.\d ms in ([\d,]+) calls? of the database")

Told = Callable[..., tuple[str, list[str]]]


@pytest.fixture
def told(
    tmp_path: Path, sample_course: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Told:
    """Run a command on a store with the sample course; standard output, and the lines of standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MODULESTORE_URL", raising=False)
    with connect("sqlite:///modulestore.db") as store:
        store.import_course(sample_course)

    def told(*words: str, exit_code: int = 0) -> tuple[str, list[str]]:
        capsys.readouterr()
        assert main(words) == exit_code
        captured = capsys.readouterr()
        return captured.out, captured.err.splitlines()

    return told


def calls_of(words: list[str]) -> list[str]:
    """Names of the calls that a command makes, from the hook itself."""
    events: list[Event] = []
    with connect("sqlite:///modulestore.db", must_exist=True, observe=events.append) as store:
        store.courses() if words == ["courses"] else store.check()
    return [event.name for event in events if isinstance(event, StorageCall)]


@pytest.mark.parametrize("words", [["courses"], ["check"]])
def test_every_call_is_told(told: Told, words: list[str]) -> None:
    out, (first, *lines, last) = told(*words, "--verbose")
    assert out == told(*words)[0]
    assert first == "-- store sqlite:///modulestore.db"
    found: list[str] = []
    for line in lines:
        match = CALL.fullmatch(line)
        assert match, line
        found += [match[1]] * int((match[4] or "1").replace(",", ""))
    assert found == calls_of(words)
    end = END.fullmatch(last)
    assert end
    assert int(end[1].replace(",", "")) == len(found)


def test_what_was_moved_is_told(told: Told) -> None:
    _, lines = told("courses", "-v")
    assert any(re.search(r"structures\.get_many +documents 1, [\d.]+ kB$", line) for line in lines)
    _, lines = told("edit", KEY, "--set", f"block-v1:{KEY[10:]}+type@html+block@hello", "weight=1.0", "-v")
    assert any(
        re.search(rf"commit committed +{re.escape(KEY)}, tries 1, deltas 1, \d+ B$", line) for line in lines
    )


def test_calls_of_one_name_have_two_lines(told: Told) -> None:
    _, lines = told("check", "-v")
    names = [match[1] for line in lines if (match := CALL.fullmatch(line))]
    assert not any(names[at] == names[at + 1] == names[at + 2] for at in range(len(names) - 2))
    assert any(" more" in line for line in lines)


def test_before_or_after_the_command(told: Told) -> None:
    def kinds(lines: list[str]) -> list[str]:
        return [re.sub(r"[\d,.]+ ms", "", line) for line in lines]

    assert kinds(told("-v", "courses")[1]) == kinds(told("courses", "-v")[1])
    assert kinds(told("-v", "courses", "-v")[1]) == kinds(told("courses", "-v")[1])
    assert kinds(told("-v", "assets", "list", KEY)[1]) == kinds(told("assets", "list", KEY, "-v")[1])


def test_without_it_nothing_is_told(told: Told) -> None:
    assert told("courses")[1] == []
    told("courses", "-v")
    assert told("courses")[1] == [], "nor after it"


def test_an_error_is_told_last(told: Told) -> None:
    _, lines = told("tree", "course-v1:No+Such+Course", "-v", exit_code=3)
    assert END.fullmatch(lines[-3])
    assert lines[-2].startswith("modulestore: there is no course")
    out, lines = told("tree", "course-v1:No+Such+Course", "-v", "--json", exit_code=3)
    assert (out, json.loads(lines[-1])["error"]["type"]) == ("", "CourseNotFound")


def test_no_password_is_told(told: Told) -> None:
    url = "mongodb://ana:secret@127.0.0.1:9/edxapp?serverSelectionTimeoutMS=50"
    _, lines = told("--store", url, "courses", "-v", exit_code=5)
    assert lines[0] == "-- store mongodb://…@127.0.0.1:9/edxapp?serverSelectionTimeoutMS=50"
    assert "secret" not in "\n".join(lines)
    url = "mongodb://127.0.0.1:9/edxapp?tlsCertificateKeyFilePassword=secret&serverSelectionTimeoutMS=50"
    _, lines = told("--store", url, "courses", "-v", exit_code=5)
    assert lines[0].startswith("-- store mongodb://127.0.0.1:9/edxapp?tlsCertificateKeyFilePassword=…&server")
    assert "secret" not in "\n".join(lines)


def test_what_goes_wrong_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    teller = Teller(0.0)
    for seconds in (0.001, 0.002, 0.003):
        teller.observe(StorageCall("index.get", seconds))
    teller.observe(StorageCall("index.get", 0.5, StorageUnavailable))
    teller.observe(CacheCall("get", 0.25, asked=3, hits=2, misses=1, failures=1, bytes=2048))
    teller.observe(CacheCall("get", 0.125))
    teller.ended()
    *lines, last = capsys.readouterr().err.splitlines()
    assert lines == [
        "--     1.0 ms  index.get",
        "--     5.0 ms  index.get                 2 more",
        "--   500.0 ms  index.get                 StorageUnavailable",
        "--   250.0 ms  cache get                 asked 3, hits 2, misses 1, failures 1, 2.0 kB",
        "--   125.0 ms  cache get                 1 more",
    ]
    assert last.endswith("; 506.0 ms in 4 calls of the database; 375.0 ms in 2 calls of the cache")


def test_a_failure_that_nobody_foresaw(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line as of any other; with -v where it was."""

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("out of cheese")

    monkeypatch.setattr("modulestore.Store.courses", broken)
    _, lines = told("courses", exit_code=1)
    assert lines == [
        "modulestore: unexpected failure: RuntimeError: out of cheese",
        "  this should not happen: please report it, with what --verbose says of it",
    ]
    assert "Traceback" in "\n".join(told("courses", "-v", exit_code=1)[1])
    assert json.loads(told("courses", "--json", exit_code=1)[1][0])["error"]["type"] == "RuntimeError"
