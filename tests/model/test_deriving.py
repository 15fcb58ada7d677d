"""A structure made from another is the one that has the same blocks and was made of nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hypothesis import given
from hypothesis import strategies as st

from modulestore.keys import BlockKey
from modulestore.model.deriving import DerivedData, derive
from modulestore.model.structure import BlockRecord, EditInfo, Origin, Structure
from tests.structures import TREE, structure, version

KEYS = [BlockKey(kind, f"{kind}{number}") for kind in ("vertical", "html", "video") for number in range(4)]
ROOT = BlockKey("course", "course")

children = st.none() | st.lists(st.sampled_from(KEYS), max_size=5, unique=True)
records = st.builds(
    lambda key, below, name, number: BlockRecord(
        key,
        version(number),
        below,
        {"display_name": name},
        edit_info=EditInfo(update_version=version(number)),
    ),
    st.sampled_from([ROOT, *KEYS]),
    children,
    st.sampled_from("abc"),
    st.integers(1, 50),
)
steps = st.lists(
    st.tuples(
        st.lists(records, max_size=4, unique_by=lambda record: record.key),
        st.lists(st.sampled_from(KEYS), max_size=3, unique=True),
    ),
    max_size=5,
)


def content(made: Structure) -> list[BlockRecord]:
    return [
        BlockRecord(
            made.key(at),
            made.definitions[at],
            made.child_keys(at),
            made.data.settings(at),
            edit_info=made.data.edit_info(at),
        )
        for at in range(len(made))
    ]


def follow(
    blocks: dict[BlockKey, BlockRecord], records: Sequence[BlockRecord], removed: Sequence[BlockKey]
) -> None:
    for key in removed:
        blocks.pop(key, None)
    for record in records:
        below = None if record.children is None else tuple(record.children)
        blocks[record.key] = BlockRecord(
            record.key, record.definition, below, record.settings, edit_info=record.edit_info
        )


@given(st.lists(records, max_size=9, unique_by=lambda record: record.key), steps)
def test_one_after_the_other(
    first: Sequence[BlockRecord], then: Sequence[tuple[Sequence[BlockRecord], Sequence[BlockKey]]]
) -> None:
    header = structure(TREE).header
    blocks: dict[BlockKey, BlockRecord] = {}
    follow(blocks, first, [])
    made = Structure.of(header, first).stored_as("somewhere")
    relisted: dict[BlockKey, bool] = {}
    for records, removed in then:
        before = dict(blocks)
        follow(blocks, records, removed)
        made = derive(made, header, {record.key: record for record in records}, removed, assets=None)
        afresh = Structure.of(header, list(blocks.values()))
        assert content(made) == content(afresh) == list(blocks.values())
        assert (list(made.types), list(made.ids)) == (list(afresh.types), list(afresh.ids))
        assert set(made.absent) == set(afresh.absent)
        assert made.index == afresh.index
        assert made.outline.parents == afresh.outline.parents
        assert made.outline.order == afresh.outline.order
        data = made.data
        assert isinstance(data, DerivedData)
        assert not isinstance(data.base, DerivedData)
        for key, record in blocks.items():
            if (
                key not in before
                or key in removed
                or tuple(before[key].children or ()) != tuple(record.children or ())
            ):
                relisted[key] = True
    assert_origin(
        made, {record.key: record for record in content(Structure.of(header, first))}, blocks, relisted
    )


def assert_origin(
    made: Structure,
    first: Mapping[BlockKey, BlockRecord],
    blocks: Mapping[BlockKey, BlockRecord],
    relisted: Mapping[BlockKey, bool],
) -> None:
    origin = made.origin
    assert isinstance(origin, Origin)
    assert origin.stored == "somewhere"
    assert {key for key in blocks if first.get(key) != blocks[key]} <= origin.changed <= set(blocks)
    assert first.keys() - blocks.keys() <= origin.removed
    assert {key for key in relisted if key in blocks} <= origin.relisted <= origin.changed


def test_what_does_not_change_is_shared() -> None:
    base = structure(TREE)
    record = base.record(1)
    made = derive(
        base, base.header, {record.key: BlockRecord(record.key, version(9), record.children)}, assets=None
    )
    assert made.types is base.types
    assert made.ids is base.ids
    assert made.outline is base.outline
    assert made.origin is None, "what is made of nothing stored has no origin"
