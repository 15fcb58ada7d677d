"""Versions that stay in the process: as many as fit, those that were used last."""

from __future__ import annotations

from modulestore.formats.structures import decode_structure, encode_structure
from modulestore.model.structure import Structure
from modulestore.storage.memory import Memory
from tests.structures import TREE, structure, version


def versions(count: int) -> list[Structure]:
    return [structure(TREE, number=number) for number in range(1, count + 1)]


def test_what_was_used_last_stays() -> None:
    memory = Memory(100_000)
    every = versions(60)
    for one in every:
        memory.keep_structures([one])
        assert memory.counts.bytes <= 100_000
        assert memory.structures([every[0].id])[every[0].id] is every[0], "asked for all the time"
    counts = memory.counts
    assert 2 < counts.kept < 60
    assert counts.forgotten == 60 - counts.kept
    assert memory.structures([every[-1].id])
    assert memory.structures([every[1].id]) == {}
    assert memory.peek(every[1].id) is None
    assert (memory.counts.hits, memory.counts.misses) == (61, 1)
    assert memory.definitions([every[-1].id]) == {}, "that is a structure"


def test_a_version_that_does_not_fit_is_not_kept() -> None:
    memory = Memory(100)
    memory.keep_structures(versions(3))
    assert (memory.counts.kept, memory.counts.bytes) == (0, 0)


def test_a_structure_weighs_more_when_it_has_been_read() -> None:
    memory = Memory()
    stored = decode_structure(
        encode_structure(structure(TREE, settings={"html/h": {"a": "b" * 9999}}), 2).document
    )
    memory.keep_structures([stored])
    before = memory.counts.bytes
    for position in range(len(stored)):
        stored.data.settings(position)
    memory.structures([stored.id])
    assert memory.counts.bytes > before + 9999
    memory.keep_structures([stored])
    memory.keep_structures([stored])
    assert memory.counts.kept == 1
    assert memory.structures([version(2)]) == {}
