"""Sealed values: they come back as they were, or not at all."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Callable, Mapping
from typing import Any

import msgpack
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from modulestore.storage import cache_frames
from modulestore.storage.cache_frames import (
    MAX_ITEM,
    MAX_VALUE,
    CorruptFrame,
    Manifest,
    Opened,
    item_key,
    joined,
    open_item,
    open_many,
    seal,
    secret_of,
)
from tests.cache.caches import damaged

NAME = "structure/665f1c0e9d3b2a0012345678"
OTHER = "structure/665f1c0e9d3b2a0012345679"
SECRET = secret_of("a secret")
SMALL = b"the outline of a course " * 20
LARGE = random.Random(1).randbytes(1_400_000)

NAMES = st.one_of(
    st.from_regex(r"[a-z]{1,12}/[0-9a-f]{24}", fullmatch=True), st.text(min_size=1, max_size=300)
)
VALUES = st.one_of(
    st.binary(max_size=2000),
    st.builds(lambda some, times: some * times, st.binary(min_size=1, max_size=300), st.integers(1, 3000)),
)
SECRETS = st.sampled_from([b"", SECRET])


def read(items: Mapping[str, bytes], *names: str, secret: bytes = b"") -> Opened:
    """What a reader of these items finds."""
    return open_many(names, lambda keys: {key: items[key] for key in keys if key in items}, secret)


def opened(name: str, items: Mapping[str, bytes], secret: bytes = b"") -> bytes | None:
    """The value of a name."""
    return read(items, name, secret=secret).values.get(name)


def rejected(name: str, items: Mapping[str, bytes], secret: bytes = b"") -> bool:
    """Whether a reader of these items gets nothing, and it is known that something was wrong."""
    return read(items, name, secret=secret) == Opened({}, 1)


def signed(*fields: Any) -> dict[str, bytes]:
    """What somebody can forge where there is no secret."""
    return {item_key(NAME): cache_frames._signed(list(fields), b"")}


@given(NAMES.filter(lambda name: name.isprintable()), VALUES, SECRETS)
def test_values_come_back(name: str, value: bytes, secret: bytes) -> None:
    assert opened(name, seal(name, value, secret), secret) == value


@pytest.mark.parametrize("value", [b"", b"x", LARGE, bytes(MAX_VALUE), random.Random(2).randbytes(MAX_VALUE)])
def test_values_of_every_size_come_back(value: bytes) -> None:
    assert opened(NAME, seal(NAME, value)) == value


def test_what_is_larger_is_not_kept() -> None:
    assert seal(NAME, bytes(MAX_VALUE + 1)) == {}


@given(NAMES)
def test_keys_are_what_memcached_takes(name: str) -> None:
    key = item_key(name)
    assert len(key) <= 250
    assert key.isascii()
    assert key.isprintable()
    assert " " not in key
    assert key.startswith("modulestore:1:")


def test_names_that_make_no_keys_have_keys_of_their_own() -> None:
    names = ["a b", "a\nb", "ä", "x" * 1000, "x" * 1001, NAME]
    assert len({item_key(name) for name in names}) == len(names)


def test_no_item_is_large_and_parts_come_before_their_manifest() -> None:
    items = seal(NAME, LARGE)
    assert [*items][-1] == item_key(NAME)
    assert len(items) == 4
    assert all(len(item) <= MAX_ITEM for item in items.values())
    assert all(len(key) <= 250 for key in items)
    assert MAX_ITEM < 512 * 1024


def test_what_does_not_get_smaller_is_left_as_it_is() -> None:
    noise = random.Random(3).randbytes(100_000)
    assert noise in seal(NAME, noise)[item_key(NAME)]
    assert len(seal(NAME, SMALL * 100)[item_key(NAME)]) < 1000


@pytest.mark.parametrize("secret", [b"", SECRET])
def test_every_flipped_bit_is_noticed(secret: bytes) -> None:
    item = seal(NAME, SMALL, secret)[item_key(NAME)]
    for at in range(len(item) * 8):
        changed = bytearray(item)
        changed[at // 8] ^= 1 << at % 8
        with pytest.raises(CorruptFrame):
            open_item(NAME, bytes(changed), secret)


@pytest.mark.parametrize("secret", [b"", SECRET])
def test_everything_that_is_cut_off_or_added_is_noticed(secret: bytes) -> None:
    item = seal(NAME, SMALL, secret)[item_key(NAME)]
    for changed in [*(item[:length] for length in range(len(item))), item + b"\0", item + item]:
        with pytest.raises(CorruptFrame):
            open_item(NAME, changed, secret)


@given(VALUES, SECRETS, st.integers(0, 2**32))
def test_damage_is_noticed(value: bytes, secret: bytes, seed: int) -> None:
    item = seal(NAME, value, secret)[item_key(NAME)]
    with pytest.raises(CorruptFrame):
        open_item(NAME, damaged(item, random.Random(seed)), secret)


@given(st.integers(0, 3), st.integers(0, 2**32), SECRETS)
def test_damage_of_parts_and_manifests_is_noticed(which: int, seed: int, secret: bytes) -> None:
    items = seal(NAME, LARGE, secret)
    key = [*items][which]
    assert rejected(NAME, {**items, key: damaged(items[key], random.Random(seed))}, secret)


@given(st.binary(max_size=500))
def test_what_was_never_ours_is_noticed(data: bytes) -> None:
    assert rejected(NAME, {item_key(NAME): data})
    assert rejected(NAME, {item_key(NAME): b"msc\x01" + data})


@pytest.mark.parametrize("value", [SMALL, LARGE])
def test_the_item_of_another_name_is_noticed(value: bytes) -> None:
    items = seal(OTHER, value)
    assert rejected(NAME, {**items, item_key(NAME): items[item_key(OTHER)]})


@pytest.mark.parametrize("value", [SMALL, LARGE])
@pytest.mark.parametrize(
    ("sealed", "read"),
    [(b"", SECRET), (SECRET, b""), (secret_of("another"), SECRET)],
    ids=["none", "ours", "other"],
)
def test_an_item_of_another_secret_is_noticed(value: bytes, sealed: bytes, read: bytes) -> None:
    assert rejected(NAME, seal(NAME, value, sealed), read)


@pytest.mark.parametrize("value", [SMALL, LARGE])
def test_an_item_of_another_version_is_noticed(value: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = item_key(NAME)
    with monkeypatch.context() as patched:
        patched.setattr(cache_frames, "_FORMAT", 2)
        patched.setattr(cache_frames, "_MAGIC", b"msc\x02")
        items = seal(NAME, value)
        theirs = item_key(NAME)
        assert opened(NAME, items) == value
    assert theirs != ours
    assert rejected(NAME, {**items, ours: items[theirs]})


def test_a_missing_part_is_a_miss_and_no_damage() -> None:
    for key in [*seal(NAME, LARGE)][:-1]:
        items = seal(NAME, LARGE)
        del items[key]
        assert read(items, NAME) == Opened({}, 0)


def test_parts_in_another_order_are_noticed() -> None:
    items = seal(NAME, LARGE)
    first, second, third, _ = items
    assert rejected(NAME, {**items, first: items[second], second: items[first]})
    assert rejected(NAME, {**items, third: items[first]})


def test_parts_of_another_value_are_noticed() -> None:
    items, others = seal(NAME, LARGE), seal(OTHER, LARGE[::-1])
    for mine, other in zip([*items][:-1], [*others][:-1], strict=True):
        assert rejected(NAME, {**items, mine: others[other]})


def test_a_manifest_among_parts_of_an_older_value() -> None:
    """Each value has parts under keys of its own, so that two that are put at once do not mix."""
    one, two = seal(NAME, LARGE), seal(NAME, LARGE[::-1])
    assert set(one) & set(two) == {item_key(NAME)}
    assert opened(NAME, {**one, **two}) == LARGE[::-1]


def test_where_there_is_a_secret_nothing_can_be_forged() -> None:
    content = signed(NAME, 0, 4, b"evil")
    assert opened(NAME, content) == b"evil"
    assert rejected(NAME, content, SECRET)


def test_one_damaged_value_does_not_hide_the_others() -> None:
    items = seal(NAME, SMALL) | seal(OTHER, LARGE)
    items[item_key(NAME)] = b"nonsense"
    assert read(items, NAME, OTHER, "third") == Opened({OTHER: LARGE}, 1)


def test_one_round_trip_or_two() -> None:
    items = seal(NAME, SMALL) | seal(OTHER, LARGE)
    trips: list[int] = []

    def fetch(keys: Any) -> dict[str, bytes]:
        trips.append(len(keys))
        return {key: items[key] for key in keys if key in items}

    open_many([NAME, "third"], fetch)
    open_many([NAME, OTHER], fetch)
    assert trips == [2, 2, 3]


# --- forged on purpose, with a right digest: what is allocated stays within bounds


def bomb(size: int) -> bytes:
    """Little that decompresses to this much."""
    compressor = zstandard.ZstdCompressor(level=19).compressobj(size=size)
    block = bytes(1024 * 1024)
    pieces = [compressor.compress(block) for _ in range(size // len(block))]
    return b"".join([*pieces, compressor.flush()])


def without_size(value: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_content_size=False).compress(value)


FORGED: dict[str, Callable[[], dict[str, bytes]]] = {
    "it says its size": lambda: signed(NAME, 1, 1 << 30, bomb(1 << 30)),
    "it says another size": lambda: signed(NAME, 1, 1000, bomb(1 << 30)),
    "just too large": lambda: signed(NAME, 1, MAX_VALUE + 1, zstandard.compress(bytes(MAX_VALUE + 1))),
    "a claim and nothing behind it": lambda: signed(
        NAME, 1, MAX_VALUE, bytes.fromhex("28b52ffde06c06060663636363")
    ),
    "no size": lambda: signed(NAME, 1, 1000, without_size(bytes(1000))),
    "a size of nothing": lambda: signed(NAME, 1, 0, without_size(bytes(1 << 24))),
    "two frames": lambda: signed(NAME, 1, 5, zstandard.compress(b"12345") * 2),
    "half a frame": lambda: signed(
        NAME, 1, 5000, zstandard.compress(random.Random(5).randbytes(5000))[:2500]
    ),
    "no frame": lambda: signed(NAME, 1, 5, b"12345"),
    "a negative size": lambda: signed(NAME, 0, -1, b""),
    "another codec": lambda: signed(NAME, 2, 5, b"12345"),
    "a size that is not so": lambda: signed(NAME, 0, 4, b"12345"),
    "true for a codec": lambda: signed(NAME, True, 5, zstandard.compress(b"12345")),
    "text for content": lambda: signed(NAME, 0, 5, "12345"),
    "too few fields": lambda: signed(NAME, 0, 5),
    "too many fields": lambda: signed(NAME, 0, 5, b"12345", 1),
    "a map": lambda: signed(NAME, 0, 5, {"a": b"12345"}),
    "a manifest of too much": lambda: signed(NAME, 1, 1, [1 << 62, bytes(16)]),
    "a manifest of nothing": lambda: signed(NAME, 1, 1, [0, bytes(16)]),
    "a manifest with a short digest": lambda: signed(NAME, 1, 1, [100, b"short"]),
    "long lists in lists": lambda: raw(b"\xdd\x00\x06\x1a\x80" * 100_000),
    "lists of lists": lambda: raw(b"\x94" * 500_000),
    "a long list": lambda: raw(msgpack.packb([NAME] + [None] * 500_000)),
    "a long map": lambda: raw(b"\xdf\xff\xff\xff\xff"),
    "a long text": lambda: raw(b"\x94\xdb\xff\xff\xff\xff"),
    "broken text": lambda: raw(b"\x94\xa1\xff\x00\x00\xc4\x00"),
    "a number": lambda: raw(b"\x01"),
    "a text": lambda: raw(msgpack.packb("abcd")),
    "nothing": lambda: raw(b""),
}


def raw(body: bytes) -> dict[str, bytes]:
    """A right digest before anything."""
    digest = cache_frames._digest(b"modulestore item", body, b"")
    return {item_key(NAME): cache_frames._MAGIC + digest + body}


@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED.keys())
def test_forged_items_are_refused_and_cost_little(forged: Callable[[], dict[str, bytes]]) -> None:
    items = forged()
    tracemalloc.start()
    try:
        assert rejected(NAME, items)
        assert tracemalloc.get_traced_memory()[1] < 2 * MAX_VALUE
    finally:
        tracemalloc.stop()


def test_a_forged_manifest_asks_for_few_parts() -> None:
    manifest = open_item(NAME, signed(NAME, 1, 1, [MAX_VALUE, bytes(16)])[item_key(NAME)])
    assert isinstance(manifest, Manifest)
    assert len(manifest.keys) == 35
    with pytest.raises(CorruptFrame):
        joined(manifest, dict.fromkeys(manifest.keys, b"x"))


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.binary() | st.text(),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.lists(ANYTHING, max_size=6)
    | st.tuples(st.just(NAME), st.integers(0, 2), ANYTHING, ANYTHING)
    | ANYTHING
)
def test_anything_with_a_right_digest_is_a_value_or_refused(body: Any) -> None:
    (item,) = raw(msgpack.packb(body)).values()
    try:
        content = open_item(NAME, item)
    except CorruptFrame:
        return
    assert isinstance(content, Manifest) or (body[0], body[2]) == (NAME, len(content))


@given(st.binary(max_size=200))
def test_anything_for_a_body_is_a_value_or_refused(body: bytes) -> None:
    (item,) = raw(body).values()
    with pytest.raises(CorruptFrame):
        open_item(NAME, item)
