"""Which value a field has on a block, and where it comes from.

The platform's rule (split modulestore, inheritance of settings), first that applies:

1. the block sets it: in its settings, or in its content;
2. an inheritable field: the nearest ancestor that sets it. Not so under a library-content block: there the
value that came
   with the library block goes first;
3. the value copied from the library block (``defaults``);
4. the default of the field.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from modulestore.keys import BlockKey
from modulestore.model.fields import INHERITABLE, Scope, field_of, fields_of
from modulestore.model.structure import Structure

__all__ = ["Origin", "Resolved", "effective", "resolve"]

_TAKES_TEMPLATE_FIRST = "library_content"


class Origin(StrEnum):
    """Where a value comes from."""

    BLOCK = "block"
    CONTENT = "content"
    ANCESTOR = "ancestor"
    TEMPLATE = "template"
    DEFAULT = "default"


class Resolved(NamedTuple):
    """A field's value on a block; ``block`` is the block that sets it, None for a template's value and for a
    default.
    """

    value: Any
    origin: Origin
    block: BlockKey | None = None


def resolve(
    structure: Structure, position: int, name: str, content: Mapping[str, Any] | None = None
) -> Resolved | None:
    """The value of a field on a block; None when nothing sets it and it is not a field that we know."""
    settings = structure.data.settings(position)
    if name in settings:
        return Resolved(settings[name], Origin.BLOCK, structure.key(position))
    if content is not None and name in content:
        return Resolved(content[name], Origin.CONTENT, structure.key(position))
    defaults = structure.data.defaults(position)
    if name in INHERITABLE:
        outline = structure.outline
        parent = outline.inheriting_parent(position)
        if name in defaults and parent is not None and structure.types[parent] == _TAKES_TEMPLATE_FIRST:
            return Resolved(defaults[name], Origin.TEMPLATE)
        for ancestor in outline.ancestors(position):
            inherited = structure.data.settings(ancestor)
            if name in inherited:
                return Resolved(inherited[name], Origin.ANCESTOR, structure.key(ancestor))
    if name in defaults:
        return Resolved(defaults[name], Origin.TEMPLATE)
    known = field_of(structure.types[position], name)
    return None if known is None else Resolved(known.default, Origin.DEFAULT)


def effective(structure: Structure, position: int) -> dict[str, Resolved]:
    """The value of every settings field that the block has, inherits, or that its type is known to have;
    sorted by name.
    """
    names = {*structure.data.settings(position), *structure.data.defaults(position), *INHERITABLE}
    known = fields_of(structure.types[position])
    names.update(name for name, field in known.items() if field.scope is Scope.SETTINGS)
    resolved = {name: resolve(structure, position, name) for name in sorted(names)}
    return {name: value for name, value in resolved.items() if value is not None}
