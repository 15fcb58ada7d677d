"""What learners get from the example service, over HTTP, with the files behind the links."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

import modulestore
from learning_api.application import application
from learning_api.learners import Enrolment, Roster
from modulestore.keys.asset_urls import asset_path
from modulestore.observing import Event
from tests.backends.proxy import Proxy
from tests.examples.services import started
from tests.origin.client import Connection
from tests.origin.servers import running
from tools.memcached import Memcached

LEARNERS = {"ada": Enrolment(groups={50: 1}), "ben": Enrolment(), "tess": Enrolment(is_staff=True)}
SEPTEMBER = datetime(2026, 9, 20, tzinfo=UTC)


@dataclass
class Service:
    """The service as tests see it.

    Attributes:
        url: of its store.
        enrolments: of its roster.
        now: what its clock says.
        events: what its store did.
    """

    url: str
    http: httpx.Client
    enrolments: dict[str, dict[str, Enrolment]] = field(default_factory=dict)
    now: datetime = SEPTEMBER
    events: list[Event] = field(default_factory=list)


@contextmanager
def serving(
    url: str, staleness: float, *, stored_at: str | None = None, cache: str | None = None
) -> Iterator[Service]:
    """The service on a store, which tests may reach at another address."""
    with httpx.Client(timeout=60) as http:
        service = Service(stored_at or url, http)
        app = application(
            url,
            Roster(service.enrolments),
            cache=cache,
            cache_key="a secret of the tests",
            staleness=staleness,
            now=lambda: service.now,
            observe=service.events.append,
        )
        with running(app, lifespan="on") as server:
            http.base_url = f"http://127.0.0.1:{server.port}"
            yield service


@pytest.fixture(scope="module")
def service(store_url: str) -> Iterator[Service]:
    """A service that asks for the head each time."""
    with serving(store_url, staleness=0) as found:
        yield found


@dataclass(frozen=True, slots=True)
class Visit:
    """A course in the service, for one test."""

    service: Service
    run: str

    @property
    def key(self) -> str:
        return f"course-v1:Example+MS101+{self.run}"

    @property
    def outline(self) -> str:
        return f"/courses/{self.key}/outline"

    def unit(self, name: str) -> str:
        return f"/units/block-v1:Example+MS101+{self.run}+type@vertical+block@{name}"

    def get(self, path: str, name: str | None = "ada", **headers: str) -> httpx.Response:
        sent = {} if name is None else {"X-Remote-User": name}
        sent |= {header.replace("_", "-"): value for header, value in headers.items()}
        return self.service.http.get(path, headers=sent)

    def json(self, path: str, name: str = "ada") -> dict[str, Any]:
        answer = self.get(path, name)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def calls(self, ask: Callable[[], object]) -> list[str]:
        """The calls of the database that a request costs."""
        self.service.events.clear()
        ask()
        return [event.name for event in self.service.events if event.subject == "storage"]


def visit_of(service: Service, sample_course: str) -> Visit:
    """A copy of the sample course with a few blocks that are not for everybody, and learners."""
    visit = Visit(service, secrets.token_hex(4))
    with modulestore.connect(service.url) as store:
        store.import_course(sample_course, key=visit.key)
        with store.edit(visit.key, author="ana") as edit:
            edit.update(("vertical", "practice"), visible_to_staff_only=True)
            edit.update(("vertical", "a-table"), group_access={"50": [1]})
            edit.update(("sequential", "spring-and-neap"), hide_from_toc=True)
        store.publish(visit.key, author="ana")
    service.enrolments[visit.key] = LEARNERS
    service.now = SEPTEMBER
    return visit


@pytest.fixture
def visit(service: Service, sample_course: str) -> Visit:
    return visit_of(service, sample_course)


def titles(outline: dict[str, Any]) -> list[str]:
    """Of all blocks of an outline, in order."""

    def below(block: dict[str, Any]) -> Iterator[str]:
        yield block["title"]
        for child in block["children"]:
            yield from below(child)

    return list(below(outline["root"])) if outline["root"] else []


def test_outlines_and_units_of_learners(visit: Visit) -> None:
    ada, ben, tess = (titles(visit.json(visit.outline, name)) for name in ("ada", "ben", "tess"))
    assert "What a table says" in ada
    assert "What a table says" not in ben  # for another group
    assert "Practice" in tess
    assert "Practice" not in ada
    assert "Spring and neap tides" not in tess  # in no table of contents
    assert ada[0] == "A Short Course on Tides"
    root = visit.json(visit.outline)["root"]
    assert root["gradable"] == 2
    (quiz,) = (one for one in root["children"][1]["children"] if one["title"] == "Quiz: the table")
    assert datetime.fromisoformat(quiz["due"]) == datetime(2026, 10, 2, 22, tzinfo=UTC)

    assert visit.get(visit.unit("a-table"), "ben").status_code == 404
    assert visit.get(visit.unit("practice"), "ada").status_code == 404
    assert visit.get(visit.unit("nothing"), "ada").json()["code"] == "block-not-found"
    assert visit.json(visit.unit("sun-and-moon"))["title"] == "The sun helps, or does not"


def test_who_is_not_enrolled(visit: Visit) -> None:
    for path in (visit.outline, visit.unit("a-table")):
        assert visit.get(path, None).status_code == 401
        assert visit.get(path, "mallory").status_code == 403


def test_what_is_not_published_is_not_there(visit: Visit) -> None:
    library = f"library-v1:Example+{visit.run}"  # of which there is nothing but what its authors see
    with modulestore.connect(visit.service.url) as store:
        store.create_library(library)
        with store.edit(visit.key, author="ana") as edit:
            edit.update(("vertical", "quiz-heights"), display_name="Not yet")
    assert visit.json(visit.unit("quiz-heights"))["title"] == "Heights"
    visit.service.enrolments[library] = LEARNERS
    answer = visit.get(f"/courses/{library}/outline")
    assert (answer.status_code, answer.json().get("code")) == (404, "branch-not-found")


def test_dates_come(visit: Visit) -> None:
    before = visit.get(visit.outline)
    assert "On the coast" not in titles(before.json())
    assert visit.get(visit.unit("a-walk-on-the-flat")).status_code == 404
    assert visit.get(visit.outline, If_None_Match=before.headers["etag"]).status_code == 304
    visit.service.now = datetime(2026, 10, 5, 9, tzinfo=UTC)
    after = visit.get(visit.outline, If_None_Match=before.headers["etag"])  # of the same version
    assert after.json()["version"] == before.json()["version"]
    assert "On the coast" in titles(after.json())
    assert visit.get(visit.unit("a-walk-on-the-flat")).status_code == 200
    visit.service.now = datetime(2026, 1, 1, tzinfo=UTC)
    assert visit.json(visit.outline)["root"] is None


def test_what_a_browser_has_is_not_sent_again(visit: Visit) -> None:
    paths = [visit.outline, visit.unit("quiz-heights")]
    tags = {path: visit.get(path).headers["etag"] for path in paths}
    for path, tag in tags.items():
        again = visit.get(path, If_None_Match=f'W/"x", {tag}')
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == tag
        assert again.headers["cache-control"] == "private, no-cache"
    assert (
        visit.get(visit.outline, "ben", If_None_Match=tags[visit.outline]).status_code == 200
    )  # sees something else

    with modulestore.connect(visit.service.url) as store:
        with store.edit(visit.key, author="ana") as edit:
            edit.update(("html", "hello"), display_name="Nothing that is published")
        assert [visit.get(path, If_None_Match=tag).status_code for path, tag in tags.items()] == [304, 304]
        store.publish(visit.key, author="ana")
    assert [visit.get(path, If_None_Match=tag).status_code for path, tag in tags.items()] == [200, 200]


def test_links_lead_to_files(visit: Visit, sample_course: str) -> None:
    (page, *_) = visit.json(visit.unit("welcome"))["blocks"]
    (link,) = re.findall('src="([^"]*tide-curve[^"]*)"', page["fields"]["data"])
    picture = visit.get(link, None)
    assert picture.content == (Path(sample_course) / "static" / "tide-curve.svg").read_bytes()
    assert picture.headers["cache-control"] == "public, max-age=31536000, immutable"

    # A file of the same name: the version stays, the link does not.
    tag = visit.get(visit.unit("welcome")).headers["etag"]
    with modulestore.connect(visit.service.url) as store:
        store.assets.put(modulestore.CourseKey("Example", "MS101", visit.run), "tide-curve.svg", b"<svg/>")
    changed = visit.get(visit.unit("welcome"), If_None_Match=tag)
    (newer,) = re.findall('src="([^"]*tide-curve[^"]*)"', changed.json()["blocks"][0]["fields"]["data"])
    assert visit.get(newer, None).content == b"<svg/>"
    assert newer != link


def test_locked_files_are_for_who_is_enrolled(visit: Visit, sample_course: str) -> None:
    blocks = visit.json(visit.unit("a-table"))["blocks"]
    page, video = blocks[0], blocks[1]
    (link,) = re.findall('href="([^"]*example-haven[^"]*)"', page["fields"]["data"])
    assert video["fields"]["handout"] == link
    assert visit.get(link, None).status_code == 403
    assert visit.get(link, "mallory").status_code == 403
    table = visit.get(link, "ada")
    assert table.content == (Path(sample_course) / "static" / "example-haven-september.csv").read_bytes()
    assert table.headers["cache-control"] == "private, no-store"
    assert visit.get("/static/nothing", None).status_code == 404
    assert visit.get("/healthz", None).status_code == 200


def test_nobody_learns_the_answers(visit: Visit) -> None:
    (problem,) = visit.json(visit.unit("quiz-heights"))["blocks"]
    assert (problem["type"], problem["fields"]) == ("problem", {})
    # What is chosen for each learner is not for all.
    assert visit.json(visit.unit("explain-it"))["blocks"] == []
    assert visit.get(visit.unit("drawing-first")).status_code == 404


def test_what_requests_cost(visit: Visit) -> None:
    """As the page says it."""
    path, view, files = visit.unit("welcome"), ["index.get"], ["files.list"]
    first = visit.calls(lambda: visit.json(visit.outline))
    assert (first[0], set(first[1:])) == ("index.get", {"structures.get_many"})
    assert len(first) <= 3
    assert visit.calls(lambda: visit.json(visit.outline)) == view
    assert visit.calls(lambda: visit.json(visit.outline, "ben")) == view
    assert visit.calls(lambda: visit.json(path)) == [*view, *files, "definitions.get_many"]
    assert visit.calls(lambda: visit.json(path)) == [*view, *files]
    tag = visit.get(path).headers["etag"]
    assert visit.calls(lambda: visit.get(path, If_None_Match=tag)) == [*view, *files]
    picture = f"/asset-v1:Example+MS101+{visit.run}+type@asset+block@tide-curve.svg"
    tag = visit.get(picture, None).headers["etag"]
    assert visit.calls(lambda: visit.get(picture, None, If_None_Match=tag)) == ["files.get"]


def test_heads_may_be_outdated(store_url: str, sample_course: str) -> None:
    with serving(store_url, staleness=3600) as service:
        visit = visit_of(service, sample_course)
        before = visit.json(visit.unit("welcome"))
        with modulestore.connect(store_url) as store, store.edit(visit.key, author="ana") as edit:
            edit.update(("chapter", "tide-tables"), display_name="Tables")
        assert visit.json(visit.outline)["version"] == before["version"]
        assert visit.calls(lambda: visit.json(visit.unit("welcome"))) == []


def test_what_is_answered_while_the_database_is_away(mongodb_url: str, sample_course: str) -> None:
    server = urlsplit(mongodb_url)
    with Proxy(server.hostname or "", server.port or 27017) as proxy:
        options = "directConnection=true&serverSelectionTimeoutMS=100"
        with serving(
            f"mongodb://127.0.0.1:{proxy.port}{server.path}?{options}", staleness=3600, stored_at=mongodb_url
        ) as service:
            visit = visit_of(service, sample_course)
            paths = [visit.outline, visit.unit("welcome")]
            before = [visit.json(path) for path in paths]
            proxy.close()
            assert [visit.json(path) for path in paths] == before
            assert visit.get("/healthz", None).status_code == 503
            unseen = visit.get(visit.unit("quiz-heights"))
            assert (unseen.status_code, unseen.json()["code"]) == (503, "unavailable")


def test_what_one_process_has_seen_others_need_not_read(
    store_url: str, memcached: Memcached, sample_course: str
) -> None:
    cache = f"memcached://{memcached.address}?timeout=20"
    with serving(store_url, 0, cache=cache) as first, serving(store_url, 0, cache=cache) as second:
        visit = visit_of(first, sample_course)
        other = replace(visit, service=second)
        second.enrolments[visit.key] = LEARNERS
        outline = visit.json(visit.outline)
        page = visit.json(visit.unit("welcome"))
        assert other.calls(lambda: other.json(other.outline)) == ["index.get"]
        assert other.calls(lambda: other.json(other.unit("welcome"))) == ["index.get", "files.list"]
        memcached.kill()
        with serving(store_url, 0, cache=cache) as third:
            last = replace(visit, service=third)
            third.enrolments[visit.key] = LEARNERS
            assert (last.json(last.outline), last.json(last.unit("welcome"))) == (outline, page)


def test_who_is_asked_to_end_ends_what_it_has_begun(tmp_path: Path) -> None:
    """A process that is told to end in the middle of a file: its client gets all of it."""
    url = f"sqlite:///{tmp_path}/courses.db"
    course = modulestore.CourseKey("Example", "MS101", "2026")
    film = secrets.token_bytes(1 << 20) * 8
    with modulestore.connect(url) as store:
        store.create_course(course)
        path = asset_path(store.assets.put(course, "film.bin", film).file.key)
    with started("learning_api", url) as (service,), Connection(service.port, receive_buffer=65536) as slow:
        slow.ask(path)
        slow.head()
        service.ask_to_end()
        assert slow.body(len(film)) == film
