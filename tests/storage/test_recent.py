"""The values that were used last, and no more bytes than there is room for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from modulestore.storage.recent import Recent


def test_what_was_not_used_for_longest_goes() -> None:
    recent: Recent[str, str] = Recent(10)
    recent.put("a", "A", 4)
    recent.put("b", "B", 4)
    assert recent.get("a") == "A"
    recent.put("c", "C", 4)
    assert [recent.get(name) for name in "abc"] == ["A", None, "C"]


def test_a_value_takes_the_place_of_what_has_its_name() -> None:
    recent: Recent[str, str] = Recent(10)
    recent.put("a", "A", 9)
    recent.put("a", "new", 5)
    recent.put("b", "B", 5)
    assert [recent.get(name) for name in "ab"] == ["new", "B"]


def test_what_has_no_room_is_not_kept_and_drives_out_nothing_else() -> None:
    recent: Recent[str, str] = Recent(10)
    recent.put("a", "A", 5)
    recent.put("b", "B", 5)
    recent.put("a", "too large", 11)
    assert [recent.get(name) for name in "ab"] == [None, "B"]
    recent.put("c", "C", 5)
    assert recent.get("b") == "B"


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 12), st.booleans()), max_size=40))
def test_it_is_a_list_of_what_was_used_last(steps: list[tuple[str, int, bool]]) -> None:
    recent: Recent[str, int] = Recent(10)
    plain: dict[str, int] = {}
    for name, size, put in steps:
        if put:
            recent.put(name, size, size)
            plain.pop(name, None)
            if size <= 10:
                plain[name] = size
            while sum(plain.values()) > 10:
                del plain[next(iter(plain))]
        else:
            assert recent.get(name) == plain.get(name)
            if name in plain:
                plain[name] = plain.pop(name)
    assert {name: recent.get(name) for name in "abcdef"} == {name: plain.get(name) for name in "abcdef"}
