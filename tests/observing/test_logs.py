"""The observer that logs: which level, what it says, what a record carries."""

from __future__ import annotations

import json
import logging

import pytest

from modulestore.errors import (
    AssetNotFound,
    CommitContention,
    CommitUnknown,
    CourseExists,
    DocumentTooLarge,
    EditConflict,
    StorageUnavailable,
)
from modulestore.observing import CacheCall, CommitEnded, Event, LogObserver, StorageCall
from modulestore.testing.crash import Crash
from modulestore.testing.samples import COURSE
from tests.observing.events import EVENTS

LOG = logging.getLogger("tests.observing")


def test_what_it_says(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, LOG.name)
    observe = LogObserver(LOG)
    for event in EVENTS:
        observe(event)
    assert [record.getMessage() for record in caplog.records] == [
        "storage structures.get_many: 250.0 ms, documents 2, bytes 1000",
        "cache get: 500.0 ms, asked 3, hits 2, misses 1, bytes 400",
        "read structures: 125.0 ms, asked 3, at_hand 1, fetched 2, built_on 1, decoding 0.0625",
        f"commit contention: 2000.0 ms, {COURSE}, tries 7, deltas 2, bytes 90, CommitContention",
    ]
    assert [record.levelname for record in caplog.records] == ["DEBUG", "DEBUG", "DEBUG", "WARNING"]


def test_what_a_record_carries(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, LOG.name)
    for event in EVENTS:
        LogObserver(LOG)(event)
    carried = [vars(record)["modulestore"] for record in caplog.records]
    assert json.loads(json.dumps(carried)) == carried
    assert carried[0] == {
        "subject": "storage",
        "name": "structures.get_many",
        "seconds": 0.25,
        "error": None,
        "documents": 2,
        "bytes": 1000,
    }
    assert carried[3] == {
        "subject": "commit",
        "name": "contention",
        "outcome": "contention",
        "seconds": 2.0,
        "error": "CommitContention",
        "key": str(COURSE),
        "branches": ["draft", "published"],
        "tries": 7,
        "merged": False,
        "definitions": 0,
        "deltas": 2,
        "bases": 0,
        "bytes": 90,
    }


@pytest.mark.parametrize(
    ("event", "level"),
    [
        (StorageCall("index.get", 0.0), "DEBUG"),
        (StorageCall("index.get", 0.2), "WARNING"),
        (StorageCall("index.get", 0.0, StorageUnavailable), "WARNING"),
        (StorageCall("index.get", 0.0, ZeroDivisionError), "WARNING"),
        (StorageCall("index.insert", 0.0, CourseExists), "DEBUG"),
        (StorageCall("files.read", 0.0, AssetNotFound), "DEBUG"),
        (StorageCall("structures.put_many", 0.0, DocumentTooLarge), "DEBUG"),
        (StorageCall("index.get", 0.0, Crash), "DEBUG"),
        (CacheCall("get", 0.0, asked=1, misses=1), "DEBUG"),
        (CacheCall("get", 0.0, asked=1, misses=1, rejected=1), "WARNING"),
        (CacheCall("put", 0.0, asked=1, failures=1), "WARNING"),
        (CommitEnded("conflict", 0.0, EditConflict, COURSE), "DEBUG"),
        (CommitEnded("contention", 0.0, CommitContention, COURSE), "WARNING"),
        (CommitEnded("unknown", 0.0, CommitUnknown, COURSE), "WARNING"),
        (CommitEnded("failed", 0.0, StorageUnavailable, COURSE), "WARNING"),
    ],
)
def test_levels(event: Event, level: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, LOG.name)
    LogObserver(LOG, slow=0.1)(event)
    assert [record.levelname for record in caplog.records] == [level]


def test_what_is_not_logged_is_not_made(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, LOG.name)
    LogObserver(LOG, slow=0.4)(EVENTS[0])
    assert caplog.records == []
    LogObserver(LOG, slow=0.25)(EVENTS[0])
    assert len(caplog.records) == 1
