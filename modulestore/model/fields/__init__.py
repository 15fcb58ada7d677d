"""What is known of the fields of block types: one table, in one place.

The platform's block classes say which *fields* a *type* of block has, of which kind, in which *scope*, with
which default. Without those classes this table says it: `BLOCK_TYPES` by type, `INHERITABLE` for what a block
takes from its ancestors, `COMMON` for what every block may set. A type or a field that is not here is kept as
it is found.

Sources: course archive format, attribute values and scopes; Open edX split modulestore, inheritance.
"""

from __future__ import annotations

from collections.abc import Mapping

from modulestore.model.fields.blocks import CONTAINERS, DETACHED, LEAVES, PURE, SCORED
from modulestore.model.fields.common import COMMON, FIELD_NAMES_NEVER_READ, INHERITABLE
from modulestore.model.fields.course import COURSE, LIBRARY
from modulestore.model.fields.kinds import BlockType, Field, Kind, Scope

__all__ = [
    "BLOCK_TYPES",
    "COMMON",
    "FIELD_NAMES_NEVER_READ",
    "INHERITABLE",
    "BlockType",
    "Field",
    "Kind",
    "Scope",
    "field_of",
    "fields_of",
    "is_container",
    "is_detached",
    "is_scored",
]

BLOCK_TYPES: Mapping[str, BlockType] = {
    "course": BlockType(COURSE, container=True),
    "library": BlockType(LIBRARY, container=True, classic=False),
    **{name: BlockType(fields, container=True) for name, fields in CONTAINERS.items()},
    **{name: BlockType(fields) for name, fields in LEAVES.items()},
    **{name: BlockType(fields, detached=True) for name, fields in DETACHED.items()},
    **{name: BlockType(fields, classic=False) for name, fields in PURE.items()},
}

_NO_FIELDS: Mapping[str, Field] = {}
_OF_EVERY_TYPE: Mapping[str, Field] = {**COMMON, **INHERITABLE}
_ALL_FIELDS: Mapping[str, Mapping[str, Field]] = {
    name: {**_OF_EVERY_TYPE, **known.fields} for name, known in BLOCK_TYPES.items()
}


def fields_of(block_type: str) -> Mapping[str, Field]:
    """The type's own fields, without the inheritable and the common ones; empty for an unknown type."""
    known = BLOCK_TYPES.get(block_type)
    return _NO_FIELDS if known is None else known.fields


def field_of(block_type: str, name: str) -> Field | None:
    """What is known of a field on a block of this type: its own, an inheritable or a common one."""
    return _ALL_FIELDS.get(block_type, _OF_EVERY_TYPE).get(name)


def is_container(block_type: str) -> bool:
    """Whether blocks of this type have children. Of an unknown type that is not known: no."""
    known = BLOCK_TYPES.get(block_type)
    return known is not None and known.container


def is_detached(block_type: str) -> bool:
    """Whether blocks of this type stand beside the tree: about pages, course info, tabs, tag templates."""
    known = BLOCK_TYPES.get(block_type)
    return known is not None and known.detached


def is_scored(block_type: str) -> bool:
    """Whether blocks of this type give a score, where no field ``has_score`` says so. Of an unknown type that
    is not known: no.
    """
    return block_type in SCORED
