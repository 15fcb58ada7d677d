"""Records that samples of whole databases do not have, since they go when something is done: as every release
since 0.1 stores them.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import modulestore
from modulestore._sync.draft_courses import converted_sources
from modulestore._sync.ports import Record
from modulestore._sync.roots import roots_of
from modulestore._sync.sqlite import open_sqlite
from modulestore.keys import VersionId, as_course_key
from modulestore.upkeep.pruning.condemned import Chunk, Condemned, PruningState
from modulestore.upkeep.roots import Root, RootKind
from tests.compatibility.samples import COURSE, FOLDERS, unpacked

ONE, TWO = (VersionId.parse(f"{number:024x}") for number in (1, 2))


def test_the_state_of_a_pruning() -> None:
    value = {
        "run": 3,
        "plan": "5f",
        "under_way": True,
        "structures": {"until": str(TWO), "starts": [str(ONE)]},
        "definitions": {"until": None, "starts": []},
        "of a later minor release": 1,
    }
    state = PruningState.from_record(7, value)
    assert state == PruningState(7, Condemned(TWO, (ONE,)), Condemned(), 3, "5f", under_way=True)
    assert state.chunk_key(ONE) == f"3 {ONE}"


def test_condemned_ids() -> None:
    value = {"ids": f"{ONE}{TWO}", "deleting": True, "of a later minor release": 1}
    chunk = Chunk.from_record(value)
    assert (list(chunk.ids), chunk.deleting) == ([ONE, TWO], True)


def test_a_re_run_that_is_under_way() -> None:
    record = Record("rerun claim", COURSE, 1, {"entry": str(TWO), "heads": {"draft": str(ONE)}})
    assert roots_of(record) == [Root(RootKind.RERUN, ONE, COURSE, "draft")]


def test_a_conversion_that_is_under_way(tmp_path: Path) -> None:
    """It is gone on with, and knows what was done before."""
    path = unpacked(FOLDERS[0] / "store-2.db.gz", tmp_path)
    value = {"schema": 1, "converted": 5, "deltas": 0, "bytes_before": 50, "bytes_after": 500}
    with modulestore.connect(f"sqlite:///{path}") as store:
        planned = store.convert(1, dry_run=True).converted
        record = {**value, "of a later minor release": 1}
        assert store._backend.records.put_if_absent("conversion", "structures", record)
        assert store.convert(1).converted == planned + 5
        assert store._backend.records.get("conversion", "structures") is None


def test_a_course_of_the_older_store() -> None:
    with closing(open_sqlite(":memory:")) as backend:
        store = modulestore.Store(backend)
        entry = store.create_course(COURSE, title="Tides")
        value = {"source": "Org/Old/Run", "digest": "5f", "key": COURSE, "of a later minor release": 1}
        backend.records.put_if_absent("draft course", str(entry.id), value)
        assert converted_sources(backend) == {"Org/Old/Run": as_course_key(COURSE)}
