"""Views over both backends: what they cost, that they are never stale, and that no cache can spoil them."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from modulestore._async.ports import Backend
from modulestore._async.sqlite import open_sqlite
from modulestore._async.store import AsyncStore
from modulestore._async.waiting import race
from modulestore.errors import BranchNotFound, CourseNotFound, InvalidInput, VersionNotFound
from modulestore.formats.packing import pack
from modulestore.keys import BlockKey, CourseKey, VersionId, as_course_key
from modulestore.model.commit import Commit
from modulestore.model.course import Course
from modulestore.model.views import (
    ContentGroups,
    CourseView,
    EffectiveField,
    GradableCounts,
    HideFromToc,
    StaffOnly,
    StartDates,
    Transformers,
    User,
    ViewBlock,
)
from modulestore.storage.caching import Cache
from modulestore.testing._async.courses import SMALL_COURSE, make_small_course
from modulestore.testing._async.faults import CountingBackend
from tests._async.stores import BACKENDS, fresh_backend
from tests.cache.caches import MemoryCache, damaged
from tests.conftest import SHARED

pytestmark = pytest.mark.anyio

KEY = as_course_key(SMALL_COURSE)
OTHER = CourseKey("Example", "Small", "2027")
A, A1, A2, C1 = ("vertical", "a"), ("html", "a1"), ("problem", "a2"), ("html", "c1")
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
LEARNER = User(NOW)
EVERYTHING: Transformers = [StartDates(), StaffOnly(), ContentGroups(), HideFromToc(), GradableCounts()]


@pytest.fixture
async def backend(kind: str, request: pytest.FixtureRequest) -> AsyncIterator[CountingBackend]:
    """A database with the small course in it, which has started."""
    async with fresh_backend(kind, request) as inner:
        backend = CountingBackend(inner)
        store = AsyncStore(backend)
        await make_small_course(store)
        async with store.edit(KEY) as edit:
            edit.update(edit.course.root, start=datetime(2020, 1, 1, tzinfo=UTC), graded=True)
            edit.update(("sequential", "second"), visible_to_staff_only=True)
        backend.calls.clear()
        yield backend


async def publish(backend: Backend, block: tuple[str, str], **fields: Any) -> VersionId:
    """Edit a block and publish all; the new version."""
    store = AsyncStore(backend)
    async with store.edit(KEY) as edit:
        edit.update(block, **fields)
    return (await store.publish(KEY)).heads["published"]


def shape(view: CourseView) -> list[Any]:
    """All that a view says."""
    return [
        (block.key, block.display_name, [child.block_key for child in block.children], block.annotations)
        for block in view.blocks()
    ]


# --- what is shown


@BACKENDS
async def test_a_view_is_of_what_learners_see(backend: CountingBackend) -> None:
    await publish(backend, A2, graded=True)
    async with AsyncStore(backend).edit(KEY) as edit:
        edit.add("html", A, id="draft", display_name="Not yet")
    store = AsyncStore(backend)
    view = await store.view(KEY, transformers=EVERYTHING, user=LEARNER, fields=["weight"])
    course = await store.open(KEY)
    assert (view.key, view.branch, view.version) == (course.key, "published", course.version)
    hidden = {BlockKey("sequential", "second"), BlockKey("vertical", "c"), BlockKey(*C1)}
    expected = [block.block_key for block in course.blocks() if block.block_key not in hidden]
    assert [block.block_key for block in view.blocks()] == expected
    assert view[A2].get("weight") == 1.0
    assert view.root.annotations == {"gradable": 1}
    assert [block.display_name for block in view[A2].path] == ["A small course", "One", "First", "A"]


@BACKENDS
async def test_which_version_is_said_as_for_open(backend: CountingBackend) -> None:
    store = AsyncStore(backend)
    before = await store.open(KEY)
    after = await publish(backend, A1, display_name="Newer")
    for arguments in (
        {},
        {"branch": "draft"},
        {"branch": "published"},
        {"version": before.version},
        {"version": str(after)},
        {"as_of": before.edited_on},
    ):
        view, course = await store.view(KEY, **arguments), await store.open(KEY, **arguments)
        assert (view.key, view.branch, view.version) == (course.key, course.branch, course.version)
        assert view[A1].display_name == course[A1].display_name
    named = await store.view(KEY.for_branch("draft-branch"))
    assert named.branch == "draft"
    version_only = CourseKey(None, None, None, version=before.version)
    assert str((await store.view(version_only))[A1].key).startswith(f"block-v1:version@{before.version}+")
    with pytest.raises(CourseNotFound):
        await store.view(OTHER)
    with pytest.raises(BranchNotFound):
        await store.view(KEY, branch="library")
    with pytest.raises(VersionNotFound):
        await store.view(KEY, version="f" * 24)
    with pytest.raises(InvalidInput, match="not both"):
        await store.view(KEY, version=after, as_of=NOW)


@BACKENDS
async def test_without_a_user_a_learner_looks_now(backend: CountingBackend) -> None:
    await publish(backend, A, start=NOW + timedelta(hours=1))
    store = AsyncStore(backend, now=lambda: NOW)
    assert A not in await store.view(KEY, transformers=[StartDates(), StaffOnly()])
    store = AsyncStore(backend, now=lambda: NOW + timedelta(hours=1))
    view = await store.view(KEY, transformers=[StartDates(), StaffOnly()])
    assert A in view
    assert C1 not in view


# --- what it costs


@BACKENDS
async def test_a_second_view_reads_the_index_only(backend: CountingBackend) -> None:
    await AsyncStore(backend).open(KEY)
    cost_of_open = dict(backend.calls)
    backend.calls.clear()
    store = AsyncStore(backend)
    first = await store.view(KEY, transformers=EVERYTHING, user=LEARNER)
    assert backend.calls == cost_of_open
    assert backend.calls["index.get"] == 1
    backend.calls.clear()
    again = await store.view(KEY, transformers=EVERYTHING, user=LEARNER)
    staff = await store.view(KEY, transformers=EVERYTHING, user=User(NOW, is_staff=True))
    assert backend.calls == {"index.get": 2}
    assert shape(again) == shape(first)
    assert len(staff) > len(first)
    assert again.table is first.table
    backend.calls.clear()
    await store.view(KEY, version=first.version)
    assert not backend.calls


@BACKENDS
async def test_another_process_reads_the_cache_once(backend: CountingBackend) -> None:
    cache = MemoryCache()
    first = await AsyncStore(backend, cache=cache).view(KEY, transformers=EVERYTHING, user=LEARNER)
    (got, wanted), (put, kept) = cache.calls
    assert (got, put) == ("get", "put")
    assert wanted == kept
    assert all(name.startswith(f"view/{first.version}/modulestore.") for name in kept)
    cache.calls.clear()
    backend.calls.clear()
    store = AsyncStore(backend, cache=cache)
    for _ in range(2):
        view = await store.view(KEY, transformers=EVERYTHING, user=LEARNER)
        assert shape(view) == shape(first)
    assert backend.calls == {"index.get": 2}
    assert cache.calls == [("get", wanted)]


@BACKENDS
async def test_only_what_is_missing_is_collected(backend: CountingBackend) -> None:
    cache = MemoryCache()
    store = AsyncStore(backend, cache=cache)
    view = await store.view(KEY, transformers=[StaffOnly()])
    cache.calls.clear()
    backend.calls.clear()
    await store.view(KEY, transformers=[StaffOnly()], fields=["due", "due"])
    name = f"view/{view.version}/modulestore.effective.due/1"
    assert cache.calls == [("get", {name}), ("put", {name})]


@BACKENDS
async def test_a_new_version_is_collected_anew(backend: CountingBackend) -> None:
    cache = MemoryCache()
    store = AsyncStore(backend, cache=cache)
    before = await store.view(KEY)
    assert before[A1].display_name == "A one"
    await publish(backend, A1, display_name="A new one")
    backend.calls.clear()
    after = await store.view(KEY)
    assert after[A1].display_name == "A new one"
    assert backend.calls["structures.get_many"] > 0
    assert before[A1].display_name == "A one"
    assert (await store.view(KEY, version=before.version))[A1].display_name == "A one"


@BACKENDS
async def test_a_course_is_collected_when_it_is_published(backend: CountingBackend) -> None:
    cache = MemoryCache()
    author, learning = AsyncStore(backend, cache=cache), AsyncStore(backend, cache=cache)

    async def warm(commit: Commit) -> None:
        if "published" in commit.moves:
            await author.view(commit.key, transformers=EVERYTHING)

    author.on_commit(warm)
    async with author.edit(KEY) as edit:
        edit.update(A1, display_name="A new one")
    assert not cache.calls
    await author.publish(KEY)
    assert len(cache.calls) == 2
    backend.calls.clear()
    view = await learning.view(KEY, transformers=EVERYTHING, user=LEARNER)
    assert view[A1].display_name == "A new one"
    assert backend.calls == {"index.get": 1}


@BACKENDS
async def test_courses_that_share_a_version_have_their_own_keys(backend: CountingBackend) -> None:
    store = AsyncStore(backend, cache=MemoryCache())
    await store.rerun(KEY, OTHER)
    first = await store.view(KEY, collectors=[Keys()])
    backend.calls.clear()
    second = await store.view(OTHER, collectors=[Keys()])
    assert second.version == first.version
    assert second[A1].key == OTHER.usage(*A1)
    assert backend.calls == {"index.get": 1}
    # A collector has no course's key to keep.
    assert all(str(KEY) not in text and str(OTHER) not in text for text in second.data["test.keys"])


@BACKENDS
async def test_many_may_look_at_once(backend: CountingBackend) -> None:
    cache = MemoryCache()
    store = AsyncStore(backend, cache=cache)
    expected = shape(await AsyncStore(backend).view(KEY, transformers=EVERYTHING, user=LEARNER))

    async def look() -> list[Any]:
        return shape(await store.view(KEY, transformers=EVERYTHING, user=LEARNER))

    assert all(found == expected for found in await race(*[look] * 8))


@BACKENDS
async def test_the_library_of_a_course_has_a_view_too(backend: CountingBackend) -> None:
    store = AsyncStore(backend)
    await store.create_library("library-v1:Example+Lib", title="A library")
    view = await store.view("library-v1:Example+Lib")
    assert (view.root.display_name, view.branch) == ("A library", "library")


# --- what others write


class Keys:
    """A collector that keeps what it may not know."""

    name = "test.keys"
    version = 1

    def collect(self, course: Course) -> Any:
        return [f"{course.key} {course.branch} {block.key}" for block in course.blocks()]

    def accepts(self, data: Any, size: int) -> bool:
        return isinstance(data, list) and len(data) == size


@dataclass(frozen=True)
class Titles:
    """A collector as others write it: how long each title is."""

    version: int = 1
    name: str = "test.titles"

    def collect(self, course: Course) -> Any:
        return [len(block.display_name) * self.version for block in course.blocks()]

    def accepts(self, data: Any, size: int) -> bool:
        return isinstance(data, list) and len(data) == size and all(type(one) is int for one in data)


class Short:
    """Keeps blocks whose title is short."""

    collectors = (Titles(),)

    def keep(self, block: ViewBlock, user: User) -> bool:
        return user.is_staff or block.view.data["test.titles"][block.position] < 15


class Longest:
    """Says of every block which is the longest title in it."""

    collectors = (Titles(), EffectiveField("graded"))

    def transform(self, view: CourseView, user: User) -> CourseView:
        longest: dict[int, int] = {}
        for block in view.walk(order="post"):
            below = [longest[child.position] for child in block.children]
            longest[block.position] = max([view.data["test.titles"][block.position], *below])
        return view.annotated("longest", longest)


@BACKENDS
async def test_filters_and_transformers_of_others(backend: CountingBackend) -> None:
    store = AsyncStore(backend, cache=MemoryCache())
    view = await store.view(KEY, transformers=[Longest(), Short(), StaffOnly()], user=LEARNER)
    assert view.root.annotations == {"longest": len("A small course")}
    assert view["chapter", "one"].annotations == {"longest": 5}
    assert view[A].get("graded") is True
    await publish(backend, A, display_name="A very long title of a unit")
    view = await store.view(KEY, transformers=[Longest(), Short(), StaffOnly()], user=LEARNER)
    assert A not in view
    assert A1 not in view
    view = await store.view(KEY, transformers=[Longest(), Short()], user=User(NOW, is_staff=True))
    assert view["chapter", "one"].annotations == {"longest": 27}


@BACKENDS
async def test_another_version_of_a_collector_collects_anew(backend: CountingBackend) -> None:
    cache = MemoryCache()
    store = AsyncStore(backend, cache=cache)
    first = await store.view(KEY, collectors=[Titles()])
    cache.calls.clear()
    second = await store.view(KEY, collectors=[Titles(version=2)])
    assert second.data["test.titles"] == [2 * length for length in first.data["test.titles"]]
    name = f"view/{first.version}/test.titles/2"
    assert cache.calls == [("get", {name}), ("put", {name})]
    assert (await store.view(KEY, collectors=[Titles()])).data == first.data


@pytest.mark.parametrize("kind", ["sqlite"])
@pytest.mark.parametrize("data", [None, {1: 2}, [object()], {7}, 2**70, "not a list", [1.5], [[]] * 12])
async def test_a_collector_has_to_accept_what_it_collects(backend: CountingBackend, data: Any) -> None:
    class Wrong(Titles):
        def collect(self, course: Course) -> Any:
            return data

    cache = MemoryCache()
    with pytest.raises(InvalidInput, match=r"collector test\.titles"):
        await AsyncStore(backend, cache=cache).view(KEY, collectors=[Wrong()])
    assert not cache.values


@pytest.mark.parametrize("kind", ["sqlite"])
@pytest.mark.parametrize("name", ["", "two words", "a/b", "é", "x" * 101, "line\n"])
async def test_a_collector_cannot_be_called_anything(backend: CountingBackend, name: str) -> None:
    with pytest.raises(InvalidInput, match="can be called"):
        await AsyncStore(backend).view(KEY, collectors=[Titles(name=name)])


# --- hostile caches


async def looked(backend: Backend, cache: Cache) -> tuple[list[Any], dict[str, Any]]:
    """What a process sees that has nothing but this cache."""
    view = await AsyncStore(backend, cache=cache).view(
        KEY, transformers=[*EVERYTHING, Longest()], user=LEARNER, fields=["due"]
    )
    return shape(view), dict(view.data)


@BACKENDS
async def test_what_is_not_right_in_a_cache_is_collected_anew(backend: CountingBackend) -> None:
    cache = MemoryCache()
    expected = await looked(backend, cache)
    good = dict(cache.values)
    nothing: list[Any] = [None, 7, "text", [], {}, [[], []], [[], [None]], {"ids": []}, [["x"], [0] * 11]]
    wrong: list[bytes] = [
        b"",
        b"\xc1",
        b"\x93",
        b"not msgpack",
        b"\xdd\xff\xff\xff\xff",
        b"\xdf\xff\xff\xff\xff",
        b"\x91" * 3000,
        b"\xd6\x04junk",
        b"\xd4\x63\x00",
        *(pack([name, data]) for name in good for data in nothing),
        *map(pack, nothing),
        *good.values(),
    ]
    for entry in wrong:
        cache.values = dict.fromkeys(good, entry)
        assert await looked(backend, cache) == expected
        assert cache.values == good  # and put right
    for name in good:
        for entry in wrong:
            if entry == good[name]:
                continue
            cache.values = {**good, name: entry}
            assert await looked(backend, cache) == expected
            assert cache.values == good


@pytest.mark.parametrize("kind", ["sqlite"])
async def test_no_damage_to_a_cache_is_an_error(backend: CountingBackend) -> None:
    """Bits flip, bytes are missing or too many. What still has its shape is taken: that it is what was put
    there is the cache's promise.
    """
    cache = MemoryCache()
    await looked(backend, cache)
    good = dict(cache.values)
    chance = random.Random(7)
    collected = 0
    for _ in range(1000):
        name = chance.choice(sorted(good))
        entry = damaged(good[name], chance)
        cache.values = {**good, name: entry}
        backend.calls.clear()
        await looked(backend, cache)
        if "structures.get_many" in backend.calls:
            collected += 1
            assert cache.values[name] == good[name]
        else:
            assert cache.values[name] == entry
    assert collected > 500


@BACKENDS
async def test_a_cache_that_loses_everything_costs_time_only(backend: CountingBackend) -> None:
    class Forgetful(MemoryCache):
        def put_many(self, values: Any) -> None:
            pass

    expected = await looked(backend, MemoryCache())
    assert await looked(backend, Forgetful()) == expected


# --- a real course


@pytest.mark.skipif(
    not (SHARED / "courses").is_dir(), reason="../shared/courses is absent: no view of a real course"
)
async def test_views_of_the_demo_course(tmp_path: Any) -> None:
    backend = CountingBackend(await open_sqlite(tmp_path / "demo.db"))
    store = AsyncStore(backend)
    report = await store.import_course(SHARED / "courses" / "demo-course.tar.gz")
    course = await store.open(report.key)
    everything = await store.view(report.key, fields=["graded", "format", "due", "start"])
    assert [block.key for block in everything.blocks()] == [block.key for block in course.blocks()]
    for block in course.blocks():
        for name in ("graded", "format", "due", "start"):
            assert everything[block.key].get(name) == block.get(name)
    restricted = [block for block in course.blocks() if block.settings.get("group_access")]
    assert len(restricted) == 2
    nobody = await store.view(report.key, transformers=EVERYTHING, user=User(NOW))
    groups: dict[int, int] = {}
    for block in restricted:
        assert block.block_key not in nobody
        groups |= {
            int(partition): allowed[0] for partition, allowed in block.settings["group_access"].items()
        }
    member = await store.view(report.key, transformers=EVERYTHING, user=User(NOW, groups=groups))
    assert any(block.block_key in member for block in restricted)
    graded = [block for block in course.blocks("problem") if block.get("graded")]
    assert 0 < nobody.root.annotations["gradable"] <= len(graded) + 20
    assert nobody.root.annotations["gradable"] == sum(
        "gradable" in block.annotations and not block.children and block.annotations["gradable"]
        for block in nobody.blocks()
    )
    await backend.close()
