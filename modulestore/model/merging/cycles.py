"""Blocks that are in each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from modulestore.keys import BlockKey
from modulestore.model.merging.versions import Version

__all__ = ["Cycle", "new_cycles"]

Cycle = frozenset[BlockKey]
Above = Mapping[BlockKey, frozenset[BlockKey]]


def new_cycles(
    start: Iterable[BlockKey],
    parents: Callable[[BlockKey], frozenset[BlockKey]],
    versions: Sequence[Version],
) -> list[Cycle]:
    """The sets of blocks above ``start`` that are in each other, and are so in none of ``versions`` alone.

    By their least blocks.
    """
    above: dict[BlockKey, frozenset[BlockKey]] = {}
    ways = list(start)
    while ways:
        key = ways.pop()
        if key not in above:
            above[key] = parents(key)
            ways.extend(above[key])
    found = {
        cycle
        for cycle in _knots(above)
        if not any(all(above[key] & cycle <= version.parents(key) for key in cycle) for version in versions)
    }
    return sorted(found, key=min)


def _knots(above: Above) -> Iterator[Cycle]:
    """The strongly connected parts of a graph that have an edge inside."""
    rest = dict(above)
    # What has nothing above it is in no cycle. In a sound outline nothing is left.
    while ends := [key for key, parents in rest.items() if not any(parent in rest for parent in parents)]:
        for key in ends:
            del rest[key]
    reach = {key: _reach(key, rest) for key in rest}
    for key, reached in reach.items():
        if key in reached:
            yield frozenset(other for other in reached if key in reach[other])


def _reach(start: BlockKey, above: Above) -> set[BlockKey]:
    reached: set[BlockKey] = set()
    ways = [start]
    while ways:
        new = {parent for parent in above[ways.pop()] if parent in above} - reached
        reached |= new
        ways.extend(new)
    return reached
