"""Fields of a block as attributes: ``modulestore.olx.attributes`` backwards."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from modulestore.keys import ContextKey
from modulestore.model.fields import FIELD_NAMES_NEVER_READ, Field, Kind, Scope, field_of
from modulestore.model.plain import PlainBlock
from modulestore.olx.drafts import INDEX, PARENTS
from modulestore.olx.reading import FAMILY
from modulestore.olx.references import block_of
from modulestore.olx.values import OTHERS, REFERENCES, native_value
from modulestore.olx.writing.texts import classic_text, is_xml_name, is_xml_text, json_text, native, pure_text

__all__ = [
    "Attributes",
    "classic_attributes",
    "native_fields",
    "normal_content",
    "pure_attributes",
    "reference_texts",
]

# The reader takes these for other fields, or passes over them.
_TAKEN = FIELD_NAMES_NEVER_READ | {"name", "slug", FAMILY, INDEX, *PARENTS}
_TAKEN_BY_TYPE: Mapping[str, Collection[str]] = {
    "discussion": ("id", "for"),
    "video": ("from", "to", "youtube"),
}


@dataclass(slots=True)
class Attributes:
    """Attributes of an element.

    Attributes:
        fields: those that fields are written as, by name.
        others: those that no field is named after.
        left: fields that no attribute reads as, as JSON; of others under ``xml_attributes``.
    """

    fields: dict[str, str] = field(default_factory=dict)
    others: dict[str, str] = field(default_factory=dict)
    left: dict[str, Any] = field(default_factory=dict)

    def leave(self, name: str, value: Any) -> None:
        """Something that is no field has to be written elsewhere."""
        self.left.setdefault(OTHERS, {})[name] = native(value)


def classic_attributes(block: PlainBlock, course: ContextKey, *, skip: Collection[str] = ()) -> Attributes:
    """The fields of a classic block but for those that are written otherwise."""
    found = Attributes()
    others = block.settings.get(OTHERS)
    has_others = OTHERS in block.settings
    for name, value in sorted({**block.content, **block.settings}.items()):
        if name in skip or name == OTHERS:
            continue
        known = field_of(block.key.type, name)
        value, text = canonical(known, value), None
        if name not in _TAKEN and is_xml_name(name):
            text = _unknown_text(value) if known is None else _known_text(known, value, course)
        if known is None and name in _TAKEN_BY_TYPE.get(block.key.type, ()):
            text = None
        if known is None and has_others and (not isinstance(others, Mapping) or name in others):
            text = None  # two of one name: the attribute is the other one
        if text is None:
            found.left[name] = native(value)
        elif known is None:
            found.others[name] = text
        else:
            found.fields[name] = text
    if has_others and not isinstance(others, Mapping):
        found.left[OTHERS] = native(others)
    for name, value in others.items() if isinstance(others, Mapping) else ():
        free = name not in _TAKEN and field_of(block.key.type, name) is None
        if free and isinstance(value, str) and is_xml_name(name) and is_xml_text(value):
            found.others[name] = value
        else:
            found.leave(name, value)
    found.others = dict(sorted(found.others.items()))
    return found


def pure_attributes(block: PlainBlock, *, skip: Collection[str] = ()) -> Attributes:
    """The fields of a pure block but for those that are written otherwise. ``others`` are those that stay in
    the XML of the block where that is kept.
    """
    found = Attributes()
    for name, value in sorted({**block.content, **block.settings}.items()):
        if name in skip:
            continue
        known = field_of(block.key.type, name)
        value, text = canonical(known, value), None
        if name not in ("url_name", "slug", FAMILY, INDEX, *PARENTS) and is_xml_name(name):
            text = _unknown_text(value) if known is None else pure_text(known.kind, value)
        if text is None:
            found.left[name] = native(value)
        elif known is not None and known.scope is Scope.SETTINGS and name not in FIELD_NAMES_NEVER_READ:
            found.fields[name] = text
        else:
            found.others[name] = text
    return found


def canonical(known: Field | None, value: Any) -> Any:
    """A value as the reader stores it, which takes one of another kind than the field's for something."""
    if known is None or known.kind in REFERENCES:
        return value
    return native_value(known.kind, native(value)).value


def normal_content(block: PlainBlock) -> PlainBlock:
    """The block with its content as the reader stores it: rules look at the texts among it."""
    content = {
        name: value if isinstance(value, str) else canonical(field_of(block.key.type, name), value)
        for name, value in block.content.items()
    }
    return replace(block, content=content)


def native_fields(block_type: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields as JSON has them; references stay pairs."""
    return {name: native(canonical(field_of(block_type, name), value)) for name, value in fields.items()}


def reference_texts(kind: Kind, value: Any, course: ContextKey) -> Any:
    """A stored reference, or a list or mapping of them, with keys as texts; None if it is none."""
    if kind is Kind.REFERENCE_LIST and isinstance(value, list | tuple):
        return [_reference_text(item, course) for item in value]
    if kind is Kind.REFERENCE_DICT and isinstance(value, Mapping):
        return {name: _reference_text(item, course) for name, item in value.items()}
    return _reference_text(value, course) if kind is Kind.REFERENCE and value is not None else None


def _reference_text(value: Any, course: ContextKey) -> Any:
    block = block_of(value)
    return native(value) if block is None else str(course.usage(*block))


def _known_text(known: Field, value: Any, course: ContextKey) -> str | None:
    if known.kind in REFERENCES:
        value = reference_texts(known.kind, value, course)
        if value is None:
            return "null"
    return classic_text(known.kind, value)


def _unknown_text(value: Any) -> str | None:
    value = native(value)
    text = value if isinstance(value, str) else json_text(value)
    return text if is_xml_text(text) else None
