"""Two authors edit one course over HTTP, by two processes of the example service."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

import modulestore
from authoring_api.application import application
from modulestore.observing import Event
from tests.backends.proxy import Proxy
from tests.examples.services import started
from tests.origin.servers import running


@dataclass(frozen=True, slots=True)
class Services:
    """Two processes on one store."""

    url: str
    one: str
    other: str


@pytest.fixture(scope="module")
def services(store_url: str) -> Iterator[Services]:
    with started("authoring_api", store_url, processes=2) as (one, other):
        yield Services(store_url, one.address, other.address)


class Author:
    """Somebody with an editor, and the course that they edit."""

    def __init__(self, address: str, name: str, run: str) -> None:
        self.key = f"course-v1:Example+MS101+{run}"
        self._run = run
        self.http = httpx.Client(base_url=address, headers={"X-Remote-User": name}, timeout=60)

    def block(self, kind: str, name: str) -> str:
        return f"block-v1:Example+MS101+{self._run}+type@{kind}+block@{name}"

    def open(self, kind: str, name: str) -> dict[str, Any]:
        """What the editor shows."""
        answer = self.http.get(f"/blocks/{self.block(kind, name)}")
        assert answer.status_code == 200, answer.text
        opened: dict[str, Any] = answer.json()
        return opened

    def save(self, base: str, *edits: dict[str, Any], message: str | None = None) -> httpx.Response:
        sent = {"base": base, "message": message, "edits": list(edits)}
        return self.http.post(f"/courses/{self.key}/edits", json=sent)

    def post(self, path: str, sent: dict[str, Any]) -> httpx.Response:
        return self.http.post(path, json=sent)


@pytest.fixture
def authors(services: Services, sample_course: str) -> Iterator[tuple[Author, Author]]:
    """Ana by one process, Bo by the other, and a course of their own."""
    run = secrets.token_hex(4)
    with modulestore.connect(services.url) as store:
        store.import_course(sample_course, key=f"course-v1:Example+MS101+{run}")
    ana, bo = Author(services.one, "ana", run), Author(services.other, "bo", run)
    with ana.http, bo.http:
        yield ana, bo


def update(block: str, **fields: Any) -> dict[str, Any]:
    return {"do": "update", "block": block, "fields": fields}


def test_a_unit_is_opened_with_what_is_in_it(authors: tuple[Author, Author]) -> None:
    ana, _ = authors
    unit = ana.open("vertical", "a-table")
    assert unit["block"]["title"] == "What a table says"
    assert unit["block"]["children"] == [child["key"] for child in unit["children"]]
    assert "chart datum" in unit["children"][0]["fields"]["data"]

    answer = ana.http.get(f"/blocks/{ana.block('vertical', 'a-table')}")
    again = ana.http.get(answer.url.path, headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    ana.save(unit["version"], update(ana.block("html", "hello"), display_name="Hello, sailors"))
    again = ana.http.get(answer.url.path, headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 200


def test_every_kind_of_edit_in_one_version(authors: tuple[Author, Author]) -> None:
    ana, _ = authors
    base = ana.open("vertical", "a-table")["version"]
    table, quiz = ana.block("vertical", "a-table"), ana.block("problem", "quiz-range")
    saved = ana.save(
        base,
        {"do": "add", "type": "vertical", "parent": ana.block("sequential", "high-and-low"), "id": "datum"},
        {
            "do": "add",
            "type": "html",
            "parent": ana.block("vertical", "datum"),
            "index": 0,
            # Names of fields may be those of parameters.
            "fields": {"data": "<p>Zero.</p>", "parent": 1, "id": 2, "block": 3, "self": 4, "index": 5},
        },
        {"do": "move", "block": ana.block("video", "reading-a-table"), "parent": table, "index": 0},
        {"do": "update", "block": quiz, "fields": {"weight": 3.0}, "unset": ["max_attempts"]},
        update(ana.block("chapter", "tide-tables"), start="2026-09-01T10:00:00+02:00"),
        {"do": "delete", "block": ana.block("html", "in-words")},
        message="A unit on datum",
    )
    assert saved.status_code == 200, saved.text
    assert saved.json()["merged_with"] is None
    unit, page = saved.json()["added"]
    assert unit == ana.block("vertical", "datum")

    opened = ana.open("vertical", "datum")
    assert opened["version"] == saved.json()["version"]
    (child,) = opened["children"]
    assert child["key"] == page
    assert child["fields"] == {
        "data": "<p>Zero.</p>",
        "parent": 1,
        "id": 2,
        "block": 3,
        "self": 4,
        "index": 5,
    }
    assert ana.open("vertical", "a-table")["children"][0]["key"] == ana.block("video", "reading-a-table")
    assert ana.open("problem", "quiz-range")["block"]["fields"]["weight"] == 3.0
    # A date, and not its text: it would be taken for none.
    assert ana.open("chapter", "tide-tables")["block"]["fields"]["start"] == "2026-09-01T08:00:00+00:00"
    assert ana.http.get(f"/blocks/{ana.block('html', 'in-words')}").status_code == 404

    (newest, *_) = ana.http.get(f"/courses/{ana.key}/history", params={"limit": 5}).json()
    assert (newest["author"], newest["message"], newest["previous"]) == ("ana", "A unit on datum", base)
    diff = ana.http.get(f"/courses/{ana.key}/diff", params={"before": base, "after": "draft"}).json()
    assert {one["key"] for one in diff["added"]} == {"vertical/datum", f"html/{page.rpartition('@')[2]}"}
    assert [one["key"] for one in diff["moved"]] == ["video/reading-a-table"] or diff["reordered"]
    assert [one["key"] for one in diff["removed"]] == ["html/in-words"]


def test_edits_of_different_things_merge(authors: tuple[Author, Author]) -> None:
    ana, bo = authors
    seen = ana.open("vertical", "quiz-heights")["version"]
    assert bo.open("html", "columns")["version"] == seen
    first = ana.save(seen, update(ana.block("problem", "quiz-range"), weight=3.0)).json()
    assert first["merged_with"] is None
    second = bo.save(seen, update(bo.block("html", "columns"), display_name="What the columns say"))
    assert second.status_code == 200
    assert second.json()["merged_with"] == first["version"]
    assert ana.open("problem", "quiz-range")["block"]["fields"]["weight"] == 3.0
    assert ana.open("html", "columns")["block"]["title"] == "What the columns say"
    assert ana.open("html", "columns")["version"] == second.json()["version"]


def test_many_save_at_the_same_moment(authors: tuple[Author, Author]) -> None:
    """To both processes at once, all from one base: everybody's page is there afterwards."""
    unit = authors[0].open("vertical", "practice")
    names = [f"page-{number}" for number in range(8)]

    def add(name: str) -> httpx.Response:
        author = authors[names.index(name) % 2]
        parent = author.block("vertical", "practice")
        return author.save(unit["version"], {"do": "add", "type": "html", "parent": parent, "id": name})

    with ThreadPoolExecutor(len(names)) as pool:
        answers = list(pool.map(add, names))
    assert [answer.status_code for answer in answers] == [200] * 8
    assert [answer.json()["merged_with"] for answer in answers].count(None) == 1
    children = authors[0].open("vertical", "practice")["block"]["children"]
    assert set(children) == {*unit["block"]["children"], *(authors[0].block("html", name) for name in names)}


def conflicting(ana: Author, bo: Author) -> dict[str, Any]:
    """Both rewrite a page, Ana first; what Bo is told. He adds another page, too."""
    seen = bo.open("vertical", "a-table")["version"]
    page = ana.block("html", "columns")
    ana.save(seen, update(page, display_name="Columns and heights", data="<p>In metres.</p>"))
    answer = bo.save(
        seen,
        update(page, display_name="Columns and times", data="<p>In UTC.</p>"),
        {"do": "add", "type": "html", "parent": bo.block("vertical", "a-table"), "id": "times"},
        message="Times explained",
    )
    assert answer.status_code == 409, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    return problem


def test_edits_of_the_same_thing_are_kept_and_resolved_by_another_process(
    authors: tuple[Author, Author], services: Services
) -> None:
    ana, bo = authors
    problem = conflicting(ana, bo)
    assert (problem["code"], problem["title"], problem["place"]) == ("edit-conflict", "Conflict", ana.key)
    kept = problem["conflict"]
    assert (kept["author"], kept["their_author"], kept["message"]) == ("bo", "ana", "Times explained")
    items = {item["field"]: item for item in kept["items"]}
    assert items.keys() == {"display_name", "content.data"}
    title = items["display_name"]
    assert title["key"] == bo.block("html", "columns")
    assert (title["theirs"], title["mine"]) == ("Columns and heights", "Columns and times")
    assert title["base"] not in (title["theirs"], title["mine"])
    assert "chart datum" in items["content.data"]["base"]
    assert bo.http.get(f"/blocks/{bo.block('html', 'times')}").status_code == 404  # nothing is written

    # Bo comes back, and is answered by the other process.
    bo.http.base_url = services.one
    assert bo.http.get(f"/courses/{bo.key}/conflicts").json() == [kept]
    assert ana.http.get(f"/courses/{ana.key}/conflicts").json() == []
    assert bo.http.get(f"/conflicts/{kept['id']}").json() == kept
    choices = {title["id"]: "theirs", items["content.data"]["id"]: "mine"}
    path = f"/conflicts/{kept['id']}/resolution"
    assert ana.post(path, {"choices": choices}).status_code == 403
    resolved = bo.post(path, {"choices": choices})
    assert resolved.status_code == 200, resolved.text

    opened = bo.open("vertical", "a-table")
    assert opened["version"] == resolved.json()["version"]
    page = opened["children"][0]
    assert (page["title"], page["fields"]["data"]) == ("Columns and heights", "<p>In UTC.</p>")
    assert opened["block"]["children"][-1] == bo.block("html", "times")
    assert bo.http.get(f"/courses/{bo.key}/conflicts").json() == []
    assert bo.post(path, {"choices": choices}).status_code == 404


def test_a_conflict_that_is_overtaken_asks_again(authors: tuple[Author, Author]) -> None:
    ana, bo = authors
    kept = conflicting(ana, bo)["conflict"]
    path = f"/conflicts/{kept['id']}/resolution"
    assert bo.post(path, {"choices": {}}).status_code == 409  # nothing is decided
    assert bo.post(path, {"choices": {"nonsense": "mine"}}).status_code == 422
    assert bo.post(path, {"choices": {kept["items"][0]["id"]: "yours"}}).status_code == 422
    assert bo.post(path, {"overwrite": True}).status_code == 200
    assert bo.open("html", "columns")["block"]["title"] == "Columns and times"


def test_edits_are_given_up(authors: tuple[Author, Author]) -> None:
    ana, bo = authors
    kept = conflicting(ana, bo)["conflict"]
    given_up = bo.post(f"/conflicts/{kept['id']}/resolution", {"abort": True})
    assert given_up.json() == {"version": None}
    assert bo.open("html", "columns")["block"]["title"] == "Columns and heights"


def test_publishing_what_was_seen(authors: tuple[Author, Author]) -> None:
    ana, bo = authors
    base = ana.open("vertical", "a-table")["version"]
    unit, page = ana.block("vertical", "a-table"), ana.block("html", "columns")
    ana.save(base, update(page, display_name="What the columns say"))
    publication = f"/courses/{ana.key}/publication"
    preview = ana.http.get(publication, params={"block": unit}).json()
    assert (preview["added"], preview["changed"], preview["removed"]) == ([], [page], [])

    # Somebody edits another unit: that is no reason to look again.
    bo.save(preview["version"], update(bo.block("problem", "quiz-range"), weight=3.0))
    published = ana.post(publication, {"block": unit, "version": preview["version"]})
    assert published.status_code == 200, published.text
    assert page in published.json()["blocks"]
    (newest,) = ana.http.get(f"/courses/{ana.key}/history", params={"branch": "published", "limit": 1}).json()
    assert newest["version"] == published.json()["version"]

    # Bo edits this one after Ana has looked.
    seen = ana.http.get(publication).json()
    assert ana.block("problem", "quiz-range") in seen["changed"]
    bo.save(seen["version"], update(page, display_name="Unseen"))
    refused = ana.post(publication, {"version": seen["version"]})
    assert (refused.status_code, refused.json()["code"]) == (409, "head-moved")
    assert refused.json()["place"] == "html/columns"
    (same,) = ana.http.get(f"/courses/{ana.key}/history", params={"branch": "published", "limit": 1}).json()
    assert same == newest
    assert ana.post(publication, {}).status_code == 200


def test_errors_are_problems(authors: tuple[Author, Author]) -> None:
    ana, _ = authors
    for path, status, code in (
        ("/blocks/nonsense", 422, "invalid-key"),
        (f"/blocks/{ana.block('html', 'nothing')}", 404, "block-not-found"),
        ("/blocks/block-v1:Example+None+2026+type@html+block@hello", 404, "course-not-found"),
        (f"/courses/{ana.key}/diff?before=draft&after=nonsense", 404, "version-not-found"),
        (f"/courses/{ana.key}/history?limit=0", 422, "invalid"),
        ("/conflicts/000000000000000000000000", 404, "not-found"),
    ):
        answer = ana.http.get(path)
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        assert (problem["status"], problem["code"]) == (status, code)
        assert problem["detail"]


def test_edits_that_cannot_be(authors: tuple[Author, Author]) -> None:
    ana, _ = authors
    base = ana.open("html", "hello")["version"]
    page = ana.block("html", "hello")
    for edit, status, place in (
        (update(ana.block("chapter", "tide-tables"), start="soon"), 422, ana.block("chapter", "tide-tables")),
        (update(page, children=[]), 422, "html/hello"),
        ({"do": "delete", "block": ana.block("course", "course")}, 422, "course/course"),
        ({"do": "add", "type": "html", "parent": page}, 422, "html/hello"),
        ({"do": "burn", "block": page}, 422, "body/edits/1"),
        (update(ana.block("html", "nothing"), weight=1), 404, ana.key),
    ):
        answer = ana.save(base, update(page, display_name="Never"), edit)
        assert (answer.status_code, answer.json()["place"]) == (status, place), answer.text
    assert ana.save("0" * 24, update(page, display_name="Never")).status_code == 404
    assert ana.open("html", "hello")["version"] == base  # all or nothing


def test_nobody_is_signed_in(authors: tuple[Author, Author]) -> None:
    ana, _ = authors
    answer = httpx.get(f"{ana.http.base_url}/blocks/{ana.block('html', 'hello')}")
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"


def test_health(services: Services) -> None:
    answer = httpx.get(f"{services.one}/healthz")
    assert (answer.status_code, answer.json()) == (200, "ok")


def test_what_requests_cost(store_url: str, sample_course: str) -> None:
    """As the page says it: calls of the database, but for the beginning and the end of a transaction."""
    events: list[Event] = []
    run = secrets.token_hex(4)
    with modulestore.connect(store_url) as store:
        store.import_course(sample_course, key=f"course-v1:Example+MS101+{run}")
    with running(application(store_url, observe=events.append), lifespan="on") as server:
        ana = Author(f"http://127.0.0.1:{server.port}", "ana", run)
        unit = f"/blocks/{ana.block('vertical', 'a-table')}"
        quiz, page = ana.block("problem", "quiz-range"), ana.block("html", "near-and-far")
        publication = f"/courses/{ana.key}/publication"

        def calls(ask: Callable[[], httpx.Response], status: int = 200) -> list[str]:
            events.clear()
            assert ask().status_code == status
            names = [event.name for event in events if event.subject == "storage"]
            return [name for name in names if not name.startswith("group.")]

        with ana.http:
            base = ana.open("vertical", "a-table")["version"]
            ana.save(base, update(page, display_name="The first save looks how the database is written"))
            base = ana.open("vertical", "a-table")["version"]
            read, write = ["index.get"], ["structures.put_many", "records.list", "index.swap"]
            assert calls(lambda: ana.http.get(unit)) == read
            tag = ana.http.get(unit).headers["ETag"]
            assert calls(lambda: ana.http.get(unit, headers={"If-None-Match": tag}), 304) == read
            content = ["definitions.get_many"]
            assert calls(lambda: ana.http.get(f"/blocks/{page}")) == [*read, *content]
            assert calls(lambda: ana.save(base, update(quiz, weight=4.0))) == [*read, *write]
            merged = calls(lambda: ana.save(base, update(ana.block("html", "columns"), data="<p>4</p>")))
            assert merged == [*read, "definitions.put_many", *write]
            text = calls(lambda: ana.save(base, update(ana.block("html", "in-words"), data="<p>4</p>")))
            assert text == [*read, *content, "definitions.put_many", *write]
            preview = calls(lambda: ana.http.get(publication))
            assert preview == [*read, *read, "structures.get_many"]  # the published head, for the first time
            assert calls(lambda: ana.http.get(publication)) == [*read, *read]
            assert calls(lambda: ana.post(publication, {})) == [*read, *write]
            history = calls(lambda: ana.http.get(f"/courses/{ana.key}/history"))
            headers = ["structures.headers", "structures.headers"]  # one batch, and that there are no more
            assert history == [*read, "structures.get_many", *headers, "records.list", "records.list"]
            assert calls(lambda: ana.http.get("/healthz")) == ["records.get"]


def test_a_database_that_goes_away(mongodb_url: str) -> None:
    """The service says what is the matter, and is not asked to do things twice."""
    server = urlsplit(mongodb_url)
    options = "directConnection=true&serverSelectionTimeoutMS=100"
    with Proxy(server.hostname or "", server.port or 27017) as proxy:
        url = f"mongodb://127.0.0.1:{proxy.port}{server.path}?{options}"
        with running(application(url), lifespan="on") as service, httpx.Client() as http:
            http.base_url = f"http://127.0.0.1:{service.port}"
            assert http.get("/healthz").status_code == 200
            proxy.close()
            away = http.get("/healthz")
            assert (away.status_code, away.json()["code"]) == (503, "unavailable")
            assert away.headers["retry-after"] == "5"
