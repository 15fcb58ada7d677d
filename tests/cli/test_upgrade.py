"""``upgrade``: what there is to do, and conversions between stored formats."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from pymongo import MongoClient

import modulestore
from modulestore.cli import main
from modulestore.formats.structures import schema_of
from modulestore.testing._sync.courses import SMALL_COURSE, make_small_course
from tests.cli.conftest import Run
from tests.old_store import OLD_COURSE, document, location, small_course
from tests.servers import MongoDB


@pytest.fixture
def old(url: str) -> str:
    """A store with a small course in format 1."""
    new = f"{url}{'&' if '?' in url else '?'}format=1"
    with modulestore.connect(new) as store:
        make_small_course(store)
        with store.edit(SMALL_COURSE, author="ana") as edit:
            edit.update(("html", "a1"), display_name="again")
    return url


def formats(url: str) -> set[int]:
    with modulestore.connect(url) as store:
        found: set[int] = set()
        for batch in store._backend.structures.headers():
            documents = store._backend.structures.get_many([header.id for header in batch])
            found.update(map(schema_of, documents.values()))
        return found


def states(steps: list[dict[str, Any]]) -> dict[str, str]:
    return {step["name"]: step["state"] for step in steps}


def test_a_conversion_is_offered_and_not_done(run: Run, old: str) -> None:
    for words in (["--plan"], []):
        offer = run("upgrade", *words)[1]
        assert offer["name"] == "0002-format-2"
        assert (offer["state"], offer["format"]) == ("not asked for", 2)
        assert (offer["kind"], offer["request"]) == ("format", "--format 2")
        assert "platform" in offer["why"]
    assert formats(old) == {1}


def test_every_step_is_listed_with_its_reason(run: Run, old: str) -> None:
    steps = run("upgrade", "--plan")
    assert [sorted(step) for step in steps] == [
        ["indexes", "kind", "name", "reason", "state", "what", "why"],
        ["format", "kind", "name", "reason", "request", "state", "what", "why"],
        ["format", "kind", "name", "reason", "state", "what", "why"],
        ["kind", "name", "reason", "state", "what", "why"],
        ["indexes", "kind", "name", "reason", "state", "what", "why"],
    ]
    assert all(step["reason"] for step in steps)
    assert states(steps) == {
        "0001-indexes": "nothing to do",
        "0002-format-2": "not asked for",
        "0003-format-1": "nothing to do",
        "0004-draft-courses": "nothing to do" if old.startswith("mongodb") else "does not apply",
        "0005-content-indexes": "nothing to do",
    }


def test_what_is_not_asked_for_is_done(
    mongodb_url: str, mongodb_admin: MongoClient[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """Indexes are made, and told by their names."""
    with modulestore.connect(mongodb_url) as store:
        make_small_course(store)
    database = mongodb_admin[urlsplit(mongodb_url).path.strip("/")]
    database["modulestore.structures"].drop_index("original_version_1")

    def upgrade(*words: str) -> dict[str, Any]:
        assert main(["--store", mongodb_url, "upgrade", *words, "--json"]) == 0
        found: dict[str, Any] = json.loads(capsys.readouterr().out)[0]
        return found

    planned, done, again = upgrade("--plan"), upgrade(), upgrade()
    assert (planned["state"], planned["indexes"]) == ("to do", ["original_version_1"])
    assert planned["reason"] == "1 of 5 indexes are missing"
    assert (done["state"], done["indexes"]) == ("done", ["original_version_1"])
    assert (again["state"], again["indexes"]) == ("nothing to do", [])


def test_there_and_back(run: Run, old: str) -> None:
    before = run("tree", SMALL_COURSE)
    planned = run("upgrade", "--format", "2", "--plan")
    assert formats(old) == {1}
    done = run("upgrade", "--format", "2")
    assert done == planned
    assert done["schema"] == 2
    assert done["converted"] > 2
    assert (done["already"], done["left"]) == (0, [])
    assert formats(old) == {2}
    assert run("tree", SMALL_COURSE) == before
    assert run("upgrade", "--format", "2")["already"] == done["converted"]
    offered = [step["name"] for step in run("upgrade") if step["state"] == "not asked for"]
    assert offered == ["0003-format-1"]
    back = run("upgrade", "--format", "1")
    assert (back["converted"], back["bytes_after"]) == (done["converted"], done["bytes_before"])
    assert formats(old) == {1}


def test_what_is_left_is_listed(
    url: str, old: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On standard output, for it is what was done; the exit code says that there is something to look at."""
    monkeypatch.setattr("modulestore.formats.columns.split", lambda document: lost(document))
    assert main(["--store", url, "upgrade", "--format", "2", "--json"]) == 6
    said = json.loads(capsys.readouterr().out)
    assert said["converted"] == 0
    assert [sorted(left) for left in said["left"]] == [["reason", "version"]] * len(said["left"])
    assert main(["--store", url, "upgrade", "--format", "2"]) == 6
    captured = capsys.readouterr()
    assert captured.err == ""
    assert f"left as it is: {said['left'][0]['version']}: what would be stored" in captured.out


def lost(document: Any) -> Any:
    from modulestore.formats.cells import split

    return split({**document, "fields": {}})


def test_what_people_see(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"sqlite:///{tmp_path}/people.db"
    with modulestore.connect(f"{url}?format=1") as store:
        make_small_course(store)

    def say(*words: str) -> str:
        assert main(["--store", url, "upgrade", *words]) == 0
        return capsys.readouterr().out

    lines = say("--plan").splitlines()
    assert lines[0].startswith("nothing to do: 0001-indexes: make the database indexes")
    assert lines[1] == "  no index is missing"
    assert lines[2].startswith("not asked for: 0002-format-2: store the structures")
    assert lines[3] == "  versions are written in format 1"
    assert lines[5] == f"  modulestore --store {url} upgrade --format 2"
    assert lines[6].startswith("nothing to do: 0003-format-1: store the structures")
    assert lines[8].startswith("does not apply: 0004-draft-courses: make the courses of the older store")
    assert lines[9] == "  only a MongoDB database can have a collection `modulestore`"
    assert say("--format", "2", "--plan").startswith("would convert 5 versions to format 2, ")
    assert say("--format", "2").startswith("converted 5 versions to format 2, ")
    assert say("--format", "2") == "converted 0 versions to format 2\n5 had it already\n"


@pytest.mark.parametrize("words", [["--format", "3"], ["--format", "two"], ["--format"]])
def test_a_format_that_there_is_not(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["upgrade", *words]) == 2
    assert "--format" in capsys.readouterr().err


def test_a_store_that_is_not_there(say: Callable[..., str], tmp_path: Path) -> None:
    assert "there is no store here" in say("upgrade", "--format", "2", exit_code=3)
    assert list(tmp_path.iterdir()) == []


def test_a_version_that_does_not_fit(say: Callable[..., str], tmp_path: Path) -> None:
    with closing(modulestore.connect(f"sqlite:///{tmp_path}/people.db")) as store:
        make_small_course(store)
        with store.edit(SMALL_COURSE, author="ana") as edit:
            for name in ("a1", "b1", "c1"):
                edit.update(("html", name), display_name=name * 3_000_000)
    said = say("upgrade", "--format", "1", exit_code=2)
    assert f"structure {edit.version}: in format 1 it would have" in said
    assert "16,777,216" in said


# --- the older store


@pytest.fixture
def older(mongodb_server: MongoDB, mongodb_admin: MongoClient[Any]) -> Iterator[str]:
    """A database that has nothing but the older store."""
    name = f"ms_old_{secrets.token_hex(6)}"
    mongodb_admin[name]["modulestore"].insert_many(small_course())
    yield mongodb_server.url(name)
    mongodb_admin.drop_database(name)


def test_courses_of_the_older_store(run: Run, older: str) -> None:
    words = ["upgrade", "--draft-courses", "--from", older]
    planned = run(*words, "--plan")
    assert sorted(planned) == ["courses", "problems"]
    assert sorted(planned["courses"][0]) == [
        "blocks",
        "definitions",
        "detached",
        "draft_version",
        "drafts",
        "files",
        "key",
        "problems",
        "reason",
        "source",
        "state",
        "version",
    ]
    (course,) = run(*words)["courses"]
    assert (course["state"], course["key"]) == ("converted", OLD_COURSE)
    assert run("tree", OLD_COURSE)["version"] == course["version"]
    shown = run("show", f"block-v1:{OLD_COURSE.replace('/', '+')}+type@html+block@e1")
    assert shown["content"] == {"data": "<p>old</p>"}
    assert run(*words)["courses"][0]["state"] == "already"


def test_what_was_worked_around_is_told(
    url: str, older: str, mongodb_admin: MongoClient[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    documents = mongodb_admin[urlsplit(older).path.strip("/")]["modulestore"]
    documents.insert_one({"_id": 1})
    documents.insert_one(document("chapter", "lost", {}, []))
    command = ["--store", url, "upgrade", "--draft-courses", "--from", older]
    assert main(command) == 6
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"converted: {OLD_COURSE}: 8 blocks, 3 outside the tree, 5 drafts, 15 definitions"
    assert lines[1:] == [
        f"  {location('chapter', 'lost')}: nothing leads to it from the course block: kept outside the tree"
    ]
    # Another key: the link in a text cannot follow.
    words = ["--key", f"{OLD_COURSE}=course-v1:a+b+c", "--only", OLD_COURSE]
    assert main([*command, *words]) == 6
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"converted: {OLD_COURSE} as course-v1:a+b+c: 8 blocks")
    assert lines[2].endswith("it has links of the old course in its text (/c4x/): kept as it is")


def test_in_place(older: str, capsys: pytest.CaptureFixture[str]) -> None:
    def say(url: str, *words: str, exit_code: int = 0) -> str:
        assert main(["--store", url, *words]) == exit_code
        captured = capsys.readouterr()
        return captured.err if exit_code else captured.out

    plan = say(older, "upgrade", "--plan")
    assert "not asked for: 0004-draft-courses" in plan
    assert "  1 of 1 courses in the collection `modulestore` are not converted\n" in plan
    assert " upgrade --draft-courses\n" in plan
    assert "?writes=yes" in say(older, "upgrade", "--draft-courses", exit_code=2)
    writable = f"{older}{'&' if '?' in older else '?'}writes=yes"
    assert say(writable, "upgrade", "--draft-courses").startswith(f"converted: {OLD_COURSE}: 8 blocks")
    assert say(writable, "upgrade", "--draft-courses").startswith(f"already: {OLD_COURSE}: its documents")
    assert "no course is left to convert" in say(older, "upgrade", "--plan")
    assert main(["--store", writable, "upgrade", "--draft-courses", "--author", "ana"]) == 0  # nothing to do


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--from", "sqlite:///x.db"], "--draft-courses"),
        (["--key", "a/b/c=d/e/f"], "--draft-courses"),
        (["--only", "a/b/c"], "--draft-courses"),
        (["--draft-courses", "--format", "1"], "--format"),
        (["--draft-courses", "--key", "a/b/c"], "OLD=NEW"),
        (["--draft-courses"], "no older store"),
    ],
)
def test_requests_that_cannot_be(say: Callable[..., str], words: list[str], says: str) -> None:
    assert says in say("upgrade", *words, exit_code=2)


def test_an_older_store_that_is_not_there(say: Callable[..., str], tmp_path: Path) -> None:
    say("upgrade", "--draft-courses", "--from", f"sqlite:///{tmp_path}/none.db", exit_code=3)
    assert list(tmp_path.iterdir()) == []
