"""Attributes of an element as fields of its block.

Source: course archive format, attribute values and field types.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from modulestore.model.fields import FIELD_NAMES_NEVER_READ, Field, Kind, Scope, field_of
from modulestore.olx.jsontext import NotJSON, parse_json
from modulestore.olx.reading import FAMILY, Reading
from modulestore.olx.values import OTHERS, REFERENCES, Value, classic_value, native_value, pure_value
from modulestore.olx.xml import Element, attributes_of, children_of, drop_attribute, remove_child

__all__ = [
    "OPTION",
    "apply_native",
    "remove_settings",
    "store_text",
    "take_classic",
    "take_options",
    "take_pure",
]

OPTION = "{http://code.edx.org/xblock/option}"

# Names of old for attributes of every classic block.
_TRANSLATED = {"name": "display_name"}
_NEVER_READ = FIELD_NAMES_NEVER_READ | {"slug", FAMILY}
_SHOWN = frozenset({Kind.INTEGER, Kind.FLOAT, Kind.BOOLEAN, Kind.DATE, Kind.RELATIVE_TIME})
_FEW_WORDS = re.compile(r"[\w:+.-]{1,40}")


def take_classic(
    reading: Reading,
    *,
    skip: Collection[str] = (),
    translated: Mapping[str, str] = _TRANSLATED,
    kept_whole: bool = False,
) -> None:
    """Read the attributes of a classic block, its ``<meta>`` and its policy, each over the one before.

    What no field is named after is kept in ``xml_attributes``, as text; not so if the element is
    ``kept_whole``: there it stays where it is.
    """
    others: dict[str, Any] = {}
    attributes = attributes_of(reading.element)
    for attribute, text in attributes.items():
        if attribute in _NEVER_READ or attribute in skip:
            continue
        name = translated.get(attribute, attribute)
        if name != attribute and name in attributes:
            continue  # said twice: by its own name it counts
        known = field_of(reading.key.type, name)
        if known is None:
            others[attribute] = text
        else:
            store_text(reading, name, known, text, classic_value)
    if not kept_whole:
        if others:
            reading.settings[OTHERS] = others
        apply_native(reading, _meta(reading), reading.place())
    entry = reading.loader.policy.entry(reading.key.type, reading.written)
    apply_native(reading, entry, reading.loader.policy.path)


def take_pure(reading: Reading, *, unknown: bool = True) -> None:
    """Read the attributes of a pure block; ``unknown``: those that no field is named after too, as text."""
    for name, text in attributes_of(reading.element).items():
        if name in ("url_name", "slug", FAMILY):
            continue
        known = field_of(reading.key.type, name)
        if known is not None:
            store_text(reading, name, known, text, pure_value)
        elif unknown:
            reading.settings[name] = text


def take_options(reading: Reading) -> None:
    """Read the child elements that stand for attributes, and take them out."""
    for child in children_of(reading.element):
        if not child.tag.startswith(OPTION):
            continue
        name = child.tag.removeprefix(OPTION)
        if child.get("none") == "true":
            reading.put(name, None)
        elif (known := field_of(reading.key.type, name)) is None:
            reading.settings[name] = child.text or ""
        else:
            store_text(reading, name, known, child.text or "", pure_value)
        remove_child(reading.element, child)


def store_text(
    reading: Reading, name: str, known: Field, text: str, rule: Callable[[Kind, str], Value]
) -> None:
    """Set a field from a text by one of the two rules."""
    kind = known.kind
    value, as_text = rule(kind, text)
    if as_text:
        # Texts, lists and mappings may hold secrets: only short words of other kinds are shown.
        shown = f" {text!r}" if kind in _SHOWN and _FEW_WORDS.fullmatch(text) else ""
        reading.report(f"the value{shown} of {name} is no {kind}", "kept as text")
    elif kind in REFERENCES:
        value = _references(reading, kind, value)
    reading.put_known(name, known, value)


def apply_native(reading: Reading, entry: Mapping[str, Any], place: str) -> None:
    """Set fields from JSON values: they replace what was read before."""
    for attribute, given in entry.items():
        name = _TRANSLATED.get(attribute, attribute)
        if name == OTHERS:
            _add_others(reading, given)
        elif name in ("children", "url_name", "filename"):
            continue
        elif (known := field_of(reading.key.type, name)) is None:
            _add_others(reading, {attribute: given})
        else:
            value, as_text = native_value(known.kind, given)
            if as_text:
                reading.loader.problems.add(
                    place,
                    f"the value of {name} of {reading.key.type}/{reading.key.id} is no {known.kind}",
                    "kept",
                )
            elif known.kind in REFERENCES:
                value = _references(reading, known.kind, value)
            reading.put_known(name, known, value)


def remove_settings(element: Element, block_type: str) -> None:
    """Take the attributes that are settings out of an element that is kept as XML."""
    for name in attributes_of(element):
        known = None if name in FIELD_NAMES_NEVER_READ else field_of(block_type, name)
        if known is not None and known.scope is Scope.SETTINGS:
            drop_attribute(element, name)


def _add_others(reading: Reading, others: object) -> None:
    if isinstance(others, dict):
        # ``filename`` there says where the platform read the block: nothing that holds in another archive.
        kept = {name: value for name, value in others.items() if name not in FIELD_NAMES_NEVER_READ}
        if kept:
            reading.settings[OTHERS] = {**reading.settings.get(OTHERS, {}), **kept}


def _meta(reading: Reading) -> Mapping[str, Any]:
    """The settings in a ``<meta>`` element, which is taken out. One that holds no JSON is content."""
    meta = next(reading.element.iterchildren("meta"), None)
    if meta is None or not meta.text or len(meta):
        return {}
    try:
        entry = parse_json(meta.text)
    except NotJSON:
        return {}
    if not isinstance(entry, dict):
        return {}
    remove_child(reading.element, meta)
    return entry


def _references(reading: Reading, kind: Kind, value: Any) -> Any:
    references, place = reading.loader.references, reading.place()
    if kind is Kind.REFERENCE_LIST and isinstance(value, list):
        return references.stored_list(value, place)
    if kind is Kind.REFERENCE_DICT and isinstance(value, dict):
        return {name: references.stored(text, place) for name, text in value.items()}
    return references.stored(value, place) if isinstance(value, str) else value
