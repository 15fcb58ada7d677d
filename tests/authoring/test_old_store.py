"""The law of converting courses of the older store: a course of ours that is written out as the platform of
then would have had it, and converted, says the same on both branches.

But for what the older store cannot say: a chapter or sequential has one document, so what differs there
between the branches is which of its children are published; and it knows no assets, asides or defaults.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from modulestore._sync.ports import Backend
from modulestore._sync.sqlite import open_sqlite
from modulestore._sync.store import Store
from modulestore.keys import BlockKey
from modulestore.model.branches import DIRECT_ONLY
from modulestore.testing._sync.checking import check_store
from tests._sync.histories import KEY, History
from tests._sync.old_stores import old_store_of
from tests.old_store import documents_of

ROOT = BlockKey("course", "course")
NEW = "course-v1:Org+New+Run"


def said(store: Store, key: object, branch: str) -> dict[BlockKey, Any]:
    """Children, settings and content of every block."""
    course = store.open(key, branch=branch)
    blocks = [course[course.structure.key(position)] for position in range(len(course.structure))]
    contents = store.load_content(blocks)
    return {
        block.block_key: (
            [child.block_key for child in block.children],
            dict(block.settings),
            contents[block],
        )
        for block in blocks
    }


def sayable(store: Store) -> dict[str, dict[BlockKey, Any]]:
    """The course as far as the older store can say it: a block without drafts is as its draft, and in the
    published branch lacks those children that are not there.
    """
    draft, published = said(store, KEY, "draft"), said(store, KEY, "published")
    for key in published:
        if key.type in DIRECT_ONLY:
            children, settings, content = draft[key]
            published[key] = ([child for child in children if child in published], settings, content)
    return {"draft": draft, "published": published}


@pytest.mark.parametrize("seed", range(12))
def test_a_course_is_the_same_after_a_journey_through_the_older_store(seed: int) -> None:
    backend: Backend = open_sqlite(":memory:")
    store = Store(backend)
    history = History(store, seed)
    history.begin()
    with store.edit(KEY, author=7) as edit:
        edit.update(("chapter", "one"), start=datetime(2026, 3, 1, tzinfo=UTC))
    history.go_on(seed * 5)
    source, _ = old_store_of(documents_of(store, str(KEY)))
    done = store.convert_old_courses(source=source, keys={f"{KEY.org}/{KEY.course}/{KEY.run}": NEW}, author=7)
    assert [(one.state, one.problems) for one in done.courses] == [("converted", ())]
    for branch, expected in sayable(store).items():
        assert said(store, NEW, branch) == expected
    assert check_store(backend) == []


def test_the_history_has_what_the_law_is_about() -> None:
    """Drafts of all kinds: new, changed, without a child that is published."""
    kinds = set()
    for seed in range(12):
        store = Store(open_sqlite(":memory:"))
        history = History(store, seed)
        history.begin()
        history.go_on(seed * 5)
        kinds |= {str(change) for change in store.changes(KEY).values()}
    assert kinds >= {"added", "changed", "removed"}
