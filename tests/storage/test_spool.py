"""Where a survey keeps what does not fit in memory."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modulestore.keys import VersionId
from modulestore.model.columns import VersionColumn
from modulestore.storage.spool import Gap, IdFile, Spool


def version(number: int) -> VersionId:
    return VersionId(number.to_bytes(12, "big"))


def column(numbers: list[int]) -> VersionColumn:
    return VersionColumn.of(version(number) for number in numbers)


@given(st.lists(st.sets(st.integers(0, 999), max_size=20), max_size=5), st.integers(0, 999))
def test_ids_in_a_file(parts: list[set[int]], asked: int) -> None:
    numbers = sorted({number for part in parts for number in part})
    file = IdFile()
    for at in range(0, len(numbers), 3):
        file.add(column(numbers[at : at + 3]))
    assert len(file) == len(numbers)
    assert [one for read in file.columns() for one in read] == list(column(numbers))
    assert file.place_of(version(asked)) == sum(number < asked for number in numbers)
    place = file.place_of(version(asked))
    assert [one for read in file.columns(place) for one in read] == list(column(numbers[place:]))
    file.close()


def test_very_many_ids() -> None:
    most = 200_000
    spool = Spool()
    spool.candidates.add(column(list(range(most))))
    assert sum(len(read) for read in spool.candidates.columns()) == most
    assert spool.candidates.place_of(version(123_456)) == 123_456
    spool.keep((version(number), "head", "a") for number in range(0, most, 40))
    spool.need([version(number) for number in range(0, most, 3)])
    looked_at = 0
    while batch := spool.not_looked_at(2000):
        spool.looked_at((one, None, one) for one in batch)
        looked_at += len(batch)
    assert looked_at == most // 40
    assert sum(1 for _ in spool.kept()) == most // 40
    assert len(spool.kept_among([version(number) for number in range(2000)])) == 50
    left = [one for part in spool.not_needed(spool.candidates) for one in part]
    assert sorted(left) == [version(number) for number in range(most) if number % 3]
    assert spool.needed_among([version(3), version(4)]) == {version(3)}
    spool.close()


def test_reasons_are_told_once_each_in_their_order() -> None:
    spool = Spool()
    spool.keep([(version(2), "head", "b"), (version(1), "tag", "z"), (version(2), "tag", "a")])
    spool.keep([(version(2), "head", "b")])
    spool.looked_at([(version(1), None, version(1)), (version(2), version(1), version(1))])
    assert list(spool.kept()) == [(version(1), ("z",)), (version(2), ("b", "a"))]
    assert spool.reasons(version(2)) == ["b", "a"]
    assert spool.reasons(version(9)) == []
    assert spool.count_by_kind() == {"head": 1, "tag": 2}
    spool.close()


def test_what_is_not_there_is_missing_for_some_reasons_only() -> None:
    spool = Spool()
    spool.keep([(version(1), "head", "a"), (version(2), "pin", "b"), (version(3), "head", "c")])
    spool.looked_at([(version(1), None, None), (version(2), None, None), (version(3), None, version(3))])
    assert spool.missing(["head"]) == [(version(1), ("a",))]
    assert spool.missing(["head", "pin"]) == [(version(1), ("a",)), (version(2), ("b",))]
    assert [row.version for row in spool.kept()] == [version(3)]
    spool.close()


@pytest.mark.parametrize(
    ("kept", "gaps"),
    [
        # (id, previous, original); an original of None: it is not there.
        ([(1, None, 1), (2, 1, 1)], []),
        ([(1, None, 1), (5, 4, 1)], [Gap(version(5), version(4), version(1), version(1), None)]),
        ([(5, 4, 1)], [Gap(version(5), version(4), version(1), None, None)]),
        ([(1, None, None), (5, 4, 1)], [Gap(version(5), version(4), version(1), None, None)]),
        (
            [(1, None, 1), (2, 1, 1), (5, 4, 1)],
            [Gap(version(5), version(4), version(1), version(1), version(2))],
        ),
        ([(4, None, None), (5, 4, 1)], [Gap(version(5), version(4), version(1), None, None)]),
    ],
)
def test_gaps(kept: list[tuple[int, int | None, int | None]], gaps: list[Gap]) -> None:
    spool = Spool()
    spool.keep((version(one), "head", "a") for one, _, _ in kept)
    spool.looked_at(
        (
            version(one),
            None if previous is None else version(previous),
            None if original is None else version(original),
        )
        for one, previous, original in kept
    )
    assert list(spool.gaps()) == gaps
    spool.close()


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="files of a process cannot be counted here")
def test_its_files_are_gone_when_it_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = len(os.listdir("/proc/self/fd"))
    spool = Spool()
    dice = random.Random(5)
    spool.candidates.add(column(list(range(1000))))
    spool.keep((version(dice.randrange(10**9)), "head", "text" * 50) for _ in range(20_000))
    spool.need([version(number) for number in range(1000)])
    assert list(spool.not_needed(spool.candidates))
    assert len(os.listdir("/proc/self/fd")) > before
    spool.close()
    assert len(os.listdir("/proc/self/fd")) == before
    assert list(tmp_path.iterdir()) == []
