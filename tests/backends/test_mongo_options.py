"""What the options of a URL mean for each collection. Nothing here needs a server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.read_preferences import Primary, Secondary, SecondaryPreferred

import modulestore
from modulestore._sync import connect as connecting
from modulestore._sync.mongo.backend import _client
from modulestore._sync.mongo.collections import Collections
from modulestore.errors import InvalidURL

SERVERS = "mongodb://one:1,two:2/courses"
MAJORITY = {"level": "majority"}


@contextmanager
def collections(options: str) -> Iterator[Collections]:
    with MongoClient[dict[str, Any]](f"{SERVERS}?{options}", connect=False) as client:
        yield Collections(client.get_default_database())


def concerns(collection: Collection[Any]) -> tuple[Any, Any, Any]:
    """Where it is read, with which concern, and with which it is written."""
    return collection.read_preference, collection.read_concern.document, collection.write_concern.document


@pytest.mark.parametrize(
    ("options", "written", "read"),
    [
        ("", {"w": "majority"}, MAJORITY),
        ("w=majority", {"w": "majority"}, MAJORITY),
        ("wtimeoutMS=5000", {"w": "majority", "wtimeout": 5000}, MAJORITY),
        ("journal=true", {"w": "majority", "j": True}, MAJORITY),
        ("w=majority&journal=false&wtimeoutMS=9", {"w": "majority", "j": False, "wtimeout": 9}, MAJORITY),
        ("w=1", {"w": 1}, {"level": "local"}),
        ("w=2&wtimeoutMS=9", {"w": 2, "wtimeout": 9}, {"level": "local"}),
        ("readConcernLevel=local", {"w": "majority"}, MAJORITY),
        ("readPreference=nearest", {"w": "majority"}, MAJORITY),
    ],
)
def test_what_decides_is_read_as_it_is_written_on_the_primary(options: str, written: Any, read: Any) -> None:
    with collections(options) as made:
        assert concerns(made.current("c")) == (Primary(), read, written)
        assert concerns(made.raw_current("c")) == (Primary(), read, written)
        assert concerns(made.latest("c")) == (Primary(), {"level": "local"}, written)


@pytest.mark.parametrize(
    ("options", "preference", "read"),
    [
        ("", Primary(), {}),
        ("readPreference=secondary", Secondary(), {}),
        (
            "readPreference=secondaryPreferred&maxStalenessSeconds=120&readConcernLevel=majority",
            SecondaryPreferred(max_staleness=120),
            MAJORITY,
        ),
    ],
)
def test_what_never_changes_is_read_where_the_url_says(options: str, preference: Any, read: Any) -> None:
    with collections(options) as made:
        assert concerns(made.raw("c")) == (preference, read, {"w": "majority"})
        again = made.raw_primary("c")
        if preference == Primary():
            assert again is None, "there is nowhere else to look"
        else:
            assert again is not None
            assert concerns(again) == (Primary(), read, {"w": "majority"})


def test_unacknowledged_writes_are_refused() -> None:
    with pytest.raises(InvalidURL, match="w=0"), collections("w=0"):
        pass


def test_all_that_is_not_ours_reaches_the_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def opened(url: str, objects: str | None) -> Any:
        seen.append(url)
        raise InvalidURL("that will do")

    monkeypatch.setattr(connecting, "open_mongo", opened)
    options = (
        "writes=yes&replicaSet=rs&readPreference=secondaryPreferred&readPreferenceTags=dc:ny"
        "&readPreferenceTags=&format=1&w=majority&wtimeoutMS=5000&retryWrites=true&timeoutMS=20000"
    )
    with pytest.raises(InvalidURL, match="that will do"):
        modulestore.connect(f"{SERVERS}?{options}")
    with _client(seen[0]) as client:
        assert client.options.replica_set_name == "rs"
        assert client.read_preference == SecondaryPreferred(tag_sets=[{"dc": "ny"}, {}])
        assert client.write_concern.document == {"w": "majority", "wtimeout": 5000}
        assert client.options.timeout == 20
        assert client.options.retry_writes
        assert client.get_default_database().name == "courses"


def test_a_service_outlives_an_election_if_it_may_wait_for_it() -> None:
    """The time for which a primary is looked for is the URL's; without it, five seconds."""
    for options, seconds in (("", 5), ("serverSelectionTimeoutMS=20000", 20)):
        with _client(f"{SERVERS}?{options}") as client:
            assert client.options.server_selection_timeout == seconds
