"""What the elements of an archive cannot say of a course: ``modulestore.json``, which only our exports have.

Platforms pass the file over. It is beside ``course.xml`` or ``library.xml``, and in ``drafts/``::

    {"blocks": {"poll/one": {"settings": {"display_name": "\\u0007"}}, "mine/box": {"children": true}},
     "outline": {"sequential/week": [["vertical", "b"], ["vertical", "a"]]}}

``blocks`` are fields of blocks by scope: values that no attribute can have; ``asides``, where elements cannot
say them; and ``children``, where the elements inside a block are blocks, though its type does not tell.
``outline``, in ``drafts/`` alone, are children of blocks above units on the draft branch, where they are
others than the drafts make them.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import replace
from typing import Any, Final, Protocol, TypeGuard

from modulestore.keys import BlockKey
from modulestore.model.branches import DIRECT_ONLY
from modulestore.model.fields import field_of
from modulestore.model.plain import PlainBlock
from modulestore.olx.policy import read_json
from modulestore.olx.problems import Problems, clipped
from modulestore.olx.references import block_of
from modulestore.olx.tree import FileTree
from modulestore.olx.values import OTHERS, REFERENCES, native_value

__all__ = ["LEFT", "Blocks", "Left"]

LEFT: Final = "modulestore.json"
_PARTS: Final = frozenset({"blocks", "outline"})


class Blocks(Protocol):
    """Blocks by key."""

    def __contains__(self, key: BlockKey, /) -> bool: ...

    def __getitem__(self, key: BlockKey, /) -> PlainBlock: ...

    def __setitem__(self, key: BlockKey, block: PlainBlock, /) -> None: ...


class Left:
    """The file of one folder."""

    def __init__(self, tree: FileTree, problems: Problems, base: str = "") -> None:
        """Read it; it says nothing if it is not there, or (reported) no JSON object. Parts that a later
        release has added are reported.
        """
        said = read_json(tree, LEFT, problems, "left out")
        self._said: dict[str, Any] = said if isinstance(said, dict) else {}
        self._problems = problems
        self._place = base + LEFT
        for part in sorted(self._said.keys() - _PARTS):
            problems.add(self._place, f"this release does not know {clipped(part)}", "left out")

    @property
    def containers(self) -> frozenset[BlockKey]:
        """Blocks whose elements are blocks, though their type does not tell."""
        said = self._entries("blocks")
        return frozenset(key for key, of in said if isinstance(of, dict) and of.get("children") is True)

    def apply_fields(self, blocks: MutableMapping[BlockKey, PlainBlock]) -> None:
        """Set the fields of blocks, and their asides."""
        for key, said in self._entries("blocks"):
            if key not in blocks or not isinstance(said, dict):
                self._report(key)
                continue
            block = blocks[key]
            asides = said.get("asides")
            given = {scope: _fields(key, said.get(scope)) for scope in ("settings", "content")}
            others = given["settings"].get(OTHERS)
            if isinstance(others, dict) and isinstance(block.settings.get(OTHERS), dict):
                given["settings"][OTHERS] = {**block.settings[OTHERS], **others}
            blocks[key] = replace(
                block,
                settings={**block.settings, **given["settings"]},
                content={**block.content, **given["content"]},
                asides=asides if _are_asides(asides) else block.asides,
            )

    def apply_outline(self, view: Blocks) -> None:
        """Set the children of blocks above units."""
        for key, said in self._entries("outline"):
            if key not in view or key.type not in DIRECT_ONLY or not isinstance(said, list):
                self._report(key)
                continue
            children = [child for child in map(block_of, said) if child is not None and child in view]
            view[key] = replace(view[key], children=children)

    def _entries(self, part: str) -> list[tuple[BlockKey, Any]]:
        said = self._said.get(part)
        if not isinstance(said, dict):
            return []
        named = [(*name.partition("/")[::2], value) for name, value in said.items()]
        return [(BlockKey(block_type, written), value) for block_type, written, value in named]

    def _report(self, key: BlockKey) -> None:
        name = clipped(f"{key.type}/{key.id}")
        self._problems.add(self._place, f"the entry {name} is for no block that takes one", "left out")


def _are_asides(said: object) -> TypeGuard[list[dict[str, Any]]]:
    return isinstance(said, list) and all(
        isinstance(aside, dict)
        and isinstance(aside.get("aside_type"), str)
        and isinstance(aside.get("fields"), dict)
        for aside in said
    )


def _fields(key: BlockKey, said: object) -> dict[str, Any]:
    if not isinstance(said, dict):
        return {}
    found = {}
    for name, value in said.items():
        known = field_of(key.type, name)
        if known is not None and known.kind not in REFERENCES:
            value = native_value(known.kind, value).value
        found[name] = value
    return found
