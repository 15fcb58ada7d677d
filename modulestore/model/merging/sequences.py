"""Lists of children as sequences: what two sides made of one."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from modulestore.keys import BlockKey

__all__ = ["clashing_orders", "merged_sequence", "reordered"]

Keys = Sequence[BlockKey]


def reordered(before: Keys, after: Keys) -> bool:
    """Whether what both lists have is in another order."""
    both = set(before) & set(after)
    return _only(before, both) != _only(after, both)


def clashing_orders(
    base: Keys | None, theirs: Keys, mine: Keys
) -> tuple[list[BlockKey], list[BlockKey], list[BlockKey]] | None:
    """What all lists have, in the order of each, if the sides brought it into two different orders.

    ``base`` is None for the children of a block that both sides added. None if there is no conflict.
    """
    both = set(theirs) & set(mine)
    common = both if base is None else both & set(base)
    order, order_theirs, order_mine = (_only(keys, common) for keys in (base or (), theirs, mine))
    if order_theirs == order_mine or (base is not None and order in (order_theirs, order_mine)):
        return None
    return order, order_theirs, order_mine


def merged_sequence(
    base: Keys | None, theirs: Keys, mine: Keys, members: Collection[BlockKey], *, prefer_mine: bool | None
) -> list[BlockKey]:
    """``members`` in the order that both sides' lists ask for.

    What the lists have in common keeps the order of the side that changed it; ``prefer_mine`` decides if both
    did. Everything else stands behind the element that it follows in its own list. Where both sides put
    something into one gap, each keeps its own order, and they are interleaved by (type, id). What is in no
    list comes last.
    """
    ours, other = _only(theirs, members), _only(mine, members)
    both = set(ours) & set(other)
    common = both if base is None else both & set(base)
    backbone = _only(ours, common)
    if prefer_mine or (prefer_mine is None and base is not None and backbone == _only(base, common)):
        backbone = _only(other, common)
    gap_of = {key: at for at, key in enumerate(backbone, 1)}
    gaps_theirs, gaps_mine = dict(_gaps(ours, gap_of)), dict(_gaps(other, gap_of))
    runs: list[tuple[list[BlockKey], list[BlockKey]]] = [([], []) for _ in range(len(backbone) + 1)]
    for gaps, others, side in ((gaps_theirs, gaps_mine, 0), (gaps_mine, gaps_theirs, 1)):
        for key, gap in gaps.items():
            # Both may have put the same block into different gaps: the first of them counts.
            if gap <= others.get(key, gap):
                runs[gap][side].append(key)
    merged = _interleaved(*runs[0])
    for key, (one, another) in zip(backbone, runs[1:], strict=True):
        merged.append(key)
        merged.extend(_interleaved(one, another))
    placed = set(merged)
    merged.extend(sorted(key for key in members if key not in placed))
    return merged


def _only(keys: Keys, members: Collection[BlockKey]) -> list[BlockKey]:
    return [key for key in dict.fromkeys(keys) if key in members]


def _gaps(keys: Keys, gap_of: dict[BlockKey, int]) -> Iterator[tuple[BlockKey, int]]:
    """Each element outside the backbone with the gap that it stands in: behind which element, from 1."""
    gap = 0
    for key in keys:
        if key in gap_of:
            gap = gap_of[key]
        else:
            yield key, gap


def _interleaved(one: list[BlockKey], other: list[BlockKey]) -> list[BlockKey]:
    """Both runs as one: in the order of each, and between them by (type, id)."""
    if not one or not other or one == other:
        return one or other
    one, other = list(one), list(other)
    merged: list[BlockKey] = []
    while one and other:
        # An element of both is due when it is next in both.
        due = [
            run[0] for run, rest in ((one, other), (other, one)) if run[0] not in rest or run[0] == rest[0]
        ]
        if not due:
            return merged + sorted({*one, *other})
        least = min(due)
        merged.append(least)
        for run in (one, other):
            if run and run[0] == least:
                del run[0]
    return merged + one + other
