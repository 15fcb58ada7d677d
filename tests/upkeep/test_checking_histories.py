"""How versions follow each other, and index entries: each rule by itself."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from modulestore.keys import CourseKey, LibraryKey, VersionId
from modulestore.model.index import FaultyEntry
from modulestore.model.stored import StructureLinks
from modulestore.testing.samples import new_entry
from modulestore.upkeep.checking.entries import entry_problems, faulty_problems, sql_problems
from modulestore.upkeep.checking.histories import Histories, history_problems
from tests.structures import version

V = [version(number) for number in range(20)]


def table(
    links: dict[int, tuple[int | None, int] | None], bases: dict[int, tuple[int, ...]] | None = None
) -> Histories:
    histories = Histories()
    for number, one in links.items():
        on = tuple(V[base] for base in (bases or {}).get(number, ()))
        previous, original = one or (None, number)
        made = StructureLinks(None if previous is None else V[previous], V[original], on)
        histories.add(V[number], None if one is None else made)
    return histories


def told(histories: Histories, *missing: int) -> list[tuple[str, str, str]]:
    problems = history_problems(histories, {V[one] for one in missing}, str)
    return [(problem.severity, problem.kind, problem.place) for problem in problems]


def test_a_table_says_what_was_put_in() -> None:
    histories = table({1: (None, 1), 2: (1, 1), 3: None, 4: (9, 1)}, {4: (1, 2)})
    assert list(histories) == [V[1], V[2], V[3], V[4]]
    assert len(histories) == 4
    assert (V[2] in histories, V[9] in histories) == (True, False)
    assert [histories.previous(one) for one in histories] == [None, V[1], None, V[9]]
    assert [histories.original(one) for one in histories] == [V[1], V[1], None, V[1]]
    assert (histories.bases(V[4]), histories.bases(V[1]), histories.bases(V[9])) == ((V[1], V[2]), (), ())
    assert (histories.previous(V[9]), histories.original(V[9])) == (None, None)
    assert histories.outside() == {V[9]}
    histories.add(V[1], None)
    assert histories.original(V[1]) == V[1]


def test_what_versions_lead_to() -> None:
    histories = table({1: (None, 1), 2: (1, 1), 3: (2, 1), 4: (None, 4), 5: (9, 4), 6: None}, {5: (3,)})
    assert list(histories.behind([V[3], V[2], V[9]])) == [V[3], V[2], V[1]]
    assert histories.needed_by([V[5], V[9]]) == {V[5], V[4], V[3], V[2], V[1]}
    assert histories.newest({V[1]}, {V[3]}) == [V[2], V[1]]


def test_a_sound_history() -> None:
    assert told(table({1: (None, 1), 2: (1, 1), 3: (None, 3)})) == []


def test_rules_of_histories() -> None:
    histories = table(
        {2: (1, 1), 3: (2, 1), 4: (None, 4), 5: (4, 5), 6: (7, 6), 7: (6, 6), 8: (8, 8), 9: (None, 9)},
        {9: (1, 2)},
    )
    assert told(histories, 1) == [
        ("note", "previous-missing", str(V[2])),
        ("warning", "other-history", str(V[5])),
        ("error", "version-unreadable", str(V[9])),
        ("note", "original-missing", str(V[1])),
        ("warning", "history-loop", str(V[6])),
        ("warning", "history-loop", str(V[8])),
    ]
    assert ("note", "previous-missing", str(V[2])) not in told(histories)


@given(st.dictionaries(st.integers(1, 12), st.tuples(st.none() | st.integers(1, 12), st.just(1))))
def test_every_loop_is_told_once(links: dict[int, tuple[int | None, int] | None]) -> None:
    histories = table(links)
    loops = set[frozenset[VersionId]]()
    for start in histories:
        walked: list[VersionId] = []
        at: VersionId | None = start
        while at is not None and at in histories and at not in walked:
            walked.append(at)
            at = histories.previous(at)
        if at is not None and at in walked:
            loops.add(frozenset(walked[walked.index(at) :]))
    assert sorted(histories.loops()) == sorted(min(loop) for loop in loops)
    histories.needed_by(list(histories))
    assert set(histories.behind(histories)) == set(histories)


COURSE = CourseKey("Org", "Course", "Run")


def test_rules_of_entries() -> None:
    entries = [
        new_entry(COURSE, {"draft": V[1], "published": V[2]}),
        new_entry(COURSE, {"draft": V[3]}),
        new_entry(CourseKey("org", "COURSE", "Run"), {"library": V[4]}),
        new_entry(LibraryKey("Org", "Lib"), {"library": V[5], "draft": V[6], "x": V[7]}),
    ]
    assert [(one.severity, one.kind, one.place) for one in entry_problems(entries)] == [
        ("warning", "unknown-branch", "course-v1:org+COURSE+Run"),
        ("warning", "unknown-branch", "library-v1:Org+Lib"),
        ("warning", "unknown-branch", "library-v1:Org+Lib"),
        ("error", "entry-twice", str(COURSE)),
        ("warning", "keys-differ-by-case", str(COURSE)),
    ]
    assert list(entry_problems(entries[:1])) == []
    (faulty,) = faulty_problems([FaultyEntry("index entry A/B/C", "broken")])
    assert (faulty.severity, faulty.place, faulty.mend) == ("error", "index entry A/B/C", None)


def test_rules_of_two_indexes() -> None:
    entries = [new_entry(COURSE, {"draft": V[1], "published": V[2]}), new_entry(LibraryKey("Org", "Lib"), {})]
    same = {str(COURSE): {"draft": V[1], "published": V[2]}, "library-v1:Org+Lib": {}}
    assert list(sql_problems(entries, same)) == []
    other = {str(COURSE): {"draft": V[1], "published": V[3]}, "course-v1:A+B+C": {"draft": V[4]}}
    assert [one.place for one in sql_problems(entries, other)] == [
        "course-v1:A+B+C",
        f"{COURSE}, published",
        "library-v1:Org+Lib",
    ]
    (only, *_) = sql_problems(entries[:1], {str(COURSE): {"published": V[2]}})
    assert f"its head is {V[1]} here, and nothing in the SQL index" in only.message
