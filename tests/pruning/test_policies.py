"""What is to be kept, said and written down; and the ids that are condemned."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modulestore.errors import CorruptDocument, InvalidInput
from modulestore.keys import VersionId
from modulestore.model.columns import VersionColumn
from modulestore.upkeep.pruning import condemned as condemned_ids
from modulestore.upkeep.pruning.condemned import Chunk, Condemned, PruningState, chunks_of
from modulestore.upkeep.pruning.plan import read_plan
from modulestore.upkeep.pruning.policy import DAY, Policy, Retention, parse_duration, shown_duration
from modulestore.upkeep.pruning.reasons import Reason, ReasonKind
from modulestore.upkeep.roots import Root, RootKind

DURATIONS = st.timedeltas(timedelta(0), timedelta(days=40_000))
RETENTIONS = st.builds(
    Retention, keep=st.none() | st.integers(1, 10**6), within=st.none() | DURATIONS
).filter(lambda retention: not retention.is_empty)
POLICIES = st.builds(
    Policy,
    retention=RETENTIONS,
    courses=st.dictionaries(st.text(max_size=5), RETENTIONS, max_size=3),
    min_age=DURATIONS,
    deleted_after=st.none() | DURATIONS,
)
IDS = st.sets(st.integers(0, 300), min_size=1)


def version(number: int) -> VersionId:
    return VersionId(number.to_bytes(12, "big"))


def column(numbers: set[int]) -> VersionColumn:
    return VersionColumn.of(version(number) for number in sorted(numbers))


# --- policies


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("90d", timedelta(days=90)),
        ("12h", timedelta(hours=12)),
        (" 1.5 Y ", timedelta(days=547.5)),
        ("2w", timedelta(days=14)),
        ("30m", timedelta(minutes=30)),
        ("0s", timedelta(0)),
    ],
)
def test_durations(text: str, duration: timedelta) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize("text", ["", "90", "d", "-1d", "1e3d", "1d2h", "9" * 400 + "y", "999999999y", "1.d"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_duration(text)


@given(DURATIONS)
def test_a_duration_is_read_as_it_is_shown(duration: timedelta) -> None:
    assert parse_duration(shown_duration(duration)) == duration


def test_durations_are_shown_in_the_largest_unit_that_fits() -> None:
    shown = [shown_duration(timedelta(seconds=of)) for of in (0, 0.5, 90, 120, 7200, 86400, 1234567)]
    assert shown == ["0s", "0.5s", "90s", "2m", "2h", "1d", "1234567s"]


@given(POLICIES)
def test_a_policy_is_read_as_it_was_written(policy: Policy) -> None:
    assert Policy.from_json(json.loads(json.dumps(policy.as_json()))) == policy


def test_a_policy_that_keeps_nothing_is_refused() -> None:
    with pytest.raises(InvalidInput, match="does not say what to keep"):
        Policy()
    with pytest.raises(InvalidInput, match="does not say what to keep") as error:
        Policy(Retention(keep=1), {"course-v1:a+b+c": Retention()})
    assert error.value.place == "course-v1:a+b+c"


def test_what_cannot_be_kept() -> None:
    with pytest.raises(InvalidInput):
        Retention(keep=0)
    with pytest.raises(InvalidInput):
        Retention(within=-DAY)
    with pytest.raises(InvalidInput):
        Policy(Retention(keep=1), min_age=-DAY)
    with pytest.raises(InvalidInput):
        Policy(Retention(keep=1), deleted_after=-DAY)


def test_a_course_may_have_a_policy_of_its_own() -> None:
    policy = Policy(Retention(keep=1), {"a": Retention(keep=9)})
    assert (policy.of("a").keep, policy.of("b").keep) == (9, 1)


# --- reasons


def test_every_kind_of_root_is_a_reason() -> None:
    for kind in RootKind:
        reason = Reason.of_root(Root(kind, version(1), "course-v1:a+b+c", "spring"))
        assert reason == (ReasonKind(kind.value), f"{kind} spring of course-v1:a+b+c")


def test_reasons_say_what_people_look_for() -> None:
    root = Root(RootKind.HEAD, version(1), "c", "draft")
    assert Reason.newest(root, 3, 5).text == "number 3 of the newest 5 of draft of c"
    assert Reason.within(root, 90 * DAY).text == "head of draft of c within the last 90d"
    assert Reason.base(version(1)).text == f"{version(1)} is stored on it"
    assert Reason.original(root).text == "first version of the history of head draft of c"


# --- condemned ids


@given(IDS, IDS, st.integers(1, 9))
def test_chunks_have_every_id_and_are_found(numbers: set[int], asked: set[int], size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(condemned_ids, "CHUNK", size)
        chunks = chunks_of(column(numbers))
    assert [one for chunk in chunks for one in chunk.ids] == list(column(numbers))
    assert all(len(chunk.ids) <= size for chunk in chunks)
    condemned = Condemned().with_chunks(chunks)
    by_start = {chunk.ids[0]: chunk for chunk in chunks}
    ids = {version(number) for number in asked}
    maybe = condemned.may_have(ids)
    assert {version(number) for number in asked & numbers} <= maybe
    assert all(one <= version(max(numbers)) for one in maybe)
    for one in ids:
        start = condemned.chunk_of(one)
        is_there = start is not None and one in by_start[start]
        assert is_there == (one in {version(number) for number in numbers})


@given(IDS, IDS)
def test_a_chunk_without_some(numbers: set[int], out: set[int]) -> None:
    chunk = Chunk(column(numbers)).without({version(number) for number in out})
    assert list(chunk.ids) == list(column(numbers - out))
    again = Chunk.from_record(json.loads(json.dumps(replace(chunk, deleting=True).as_record())))
    assert (list(again.ids), again.deleting) == (list(chunk.ids), True)


def test_what_was_condemned_once_is_remembered() -> None:
    first = Condemned().with_chunks(chunks_of(column({5, 9})))
    second = first.with_chunks(chunks_of(column({2})))
    over = second.with_chunks([])
    assert (first.until, second.until, over.until) == (version(9), version(9), version(9))
    assert (second.starts, over.starts) == ((version(2),), ())
    assert over.may_have({version(9), version(10)}) == {version(9)}
    assert over.chunk_of(version(2)) is None
    assert Condemned().may_have({version(0)}) == set()


def test_a_state_is_read_as_it_was_written() -> None:
    state = PruningState(
        7, Condemned().with_chunks(chunks_of(column({1, 2}))), Condemned(), run=3, plan="d", under_way=True
    )
    assert PruningState.from_record(7, json.loads(json.dumps(state.as_record()))) == state
    assert PruningState.from_record(1, PruningState().as_record()) == PruningState(1)


@pytest.mark.parametrize("value", [{}, {"ids": 5, "deleting": False}, {"ids": "zz", "deleting": False}])
def test_an_unreadable_chunk(value: dict[str, object]) -> None:
    with pytest.raises(CorruptDocument):
        Chunk.from_record(value)


def test_an_unreadable_state() -> None:
    with pytest.raises(CorruptDocument):
        PruningState.from_record(1, {"structures": {"until": "x", "starts": []}})


# --- plans that nobody made


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\n",
        b"[]\n",
        b"5\n",
        b'"prune plan"\n',
        b"\xff\xfe\n",
        b'{"prune plan": 2, "made_on": "2026-01-01"}\n',
        b'{"prune plan": 1}\n',
        b'{"prune plan": 1, "made_on": "2026-01-01", "policy": {"keep": 1, "within": 1e99, "courses": {}}}\n',
        b'{"delete": "5f5f5f5f5f5f5f5f5f5f5f5f"}\n',
        b'{"digest": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}\n',
    ],
)
def test_what_is_no_plan(text: bytes) -> None:
    with pytest.raises(InvalidInput) as error:
        read_plan(text.splitlines(keepends=True), "file")
    assert str(error.value.place).startswith("file")
