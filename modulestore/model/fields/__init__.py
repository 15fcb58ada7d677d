"""What is known of the fields of block types: one table, in one place.

The platform's block classes say which *fields* a *type* of block has, of which kind, in which *scope*, with
which default. Without those classes this table says it: `BLOCK_TYPES` by type, `INHERITABLE` for what a block
takes from its ancestors, `COMMON` for what every block may set. A type or a field that is not here is kept as
it is found.

Sources: course archive format, attribute values and scopes; Open edX split modulestore, inheritance.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modulestore.errors import InvalidInput
from modulestore.keys import UsageKey
from modulestore.model.dates import parse_date
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
    "stored_value",
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


def stored_value(block: UsageKey, name: str, value: Any) -> Any:
    """A value for a field of this block as it is stored, from what JSON has: dates, which JSON does not have,
    from their text in ISO 8601, where no zone means UTC.

    Raises:
        InvalidInput: it is no date, and the field is one.
    """
    field = field_of(block.type, name)
    if field is None or field.kind is not Kind.DATE or value is None:
        return value
    moment = parse_date(value) if isinstance(value, str) else None
    if moment is None:
        raise InvalidInput(
            f"{name} is a date, and {value!r} is none", place=str(block), hint='as in "2026-09-01T08:00:00Z"'
        )
    return moment
