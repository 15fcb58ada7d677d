"""The table of fields: sound in itself, and in agreement with what the platform's own databases say."""

from __future__ import annotations

import json

import pytest

from modulestore.model.fields import (
    BLOCK_TYPES,
    COMMON,
    FIELD_NAMES_NEVER_READ,
    INHERITABLE,
    Field,
    Kind,
    Scope,
    field_of,
    fields_of,
    is_container,
    is_detached,
)
from modulestore.olx.values import native_value
from tests.conftest import SHARED

SCENARIO = SHARED / "golden" / "scenario.json"
KINDS = {
    "String": Kind.STRING,
    "Integer": Kind.INTEGER,
    "Float": Kind.FLOAT,
    "Boolean": Kind.BOOLEAN,
    "Date": Kind.DATE,
    "RelativeTime": Kind.RELATIVE_TIME,
    "List": Kind.LIST,
    "Dict": Kind.DICT,
    "ReferenceList": Kind.REFERENCE_LIST,
    "ReferenceValueDict": Kind.REFERENCE_DICT,
}
# The platform's own class keeps these two in the definition; the scenario says settings.
OTHER_SCOPE = {("conditional", "sources_list"), ("conditional", "show_tag_list")}


def test_the_table_agrees_with_the_platforms_databases() -> None:
    if not SCENARIO.exists():
        pytest.skip(f"not tested: the field table against the platform's ({SCENARIO} is absent)")
    types = json.loads(SCENARIO.read_text(encoding="utf-8"))["block_types"]
    for name, said in types.items():
        assert is_container(name) == said["has_children"]
        assert is_detached(name) == said["detached"]
        for field, expected in said["fields"].items():
            if expected["scope"] == "user_state":
                assert field_of(name, field) is None
                continue
            found = field_of(name, field)
            assert found is not None, (name, field)
            assert found.kind is KINDS[expected["kind"]], (name, field)
            assert found.default == expected["default"], (name, field)
            if (name, field) not in OTHER_SCOPE:
                assert found.scope == expected["scope"], (name, field)


def test_the_inheritable_fields_are_the_platforms() -> None:
    if not SCENARIO.exists():
        pytest.skip(f"not tested: the inheritable fields against the platform's ({SCENARIO} is absent)")
    assert set(INHERITABLE) == set(json.loads(SCENARIO.read_text(encoding="utf-8"))["inheritable_fields"])


@pytest.mark.parametrize("name", sorted(BLOCK_TYPES))
def test_every_type_is_sound(name: str) -> None:
    known = BLOCK_TYPES[name]
    assert not (known.container and known.detached)
    for field, entry in {**INHERITABLE, **COMMON, **known.fields}.items():
        assert native_value(entry.kind, entry.default) == (entry.default, False) or entry.kind is Kind.DATE, (
            field
        )
        assert field not in FIELD_NAMES_NEVER_READ or name == "course" or field == "xml_attributes"


def test_where_a_field_is_looked_up() -> None:
    assert field_of("problem", "data") == Field(Kind.STRING, Scope.CONTENT, "")
    assert field_of("problem", "due") is INHERITABLE["due"]
    assert field_of("nobody-knows", "display_name") is COMMON["display_name"]
    assert field_of("nobody-knows", "data") is None
    assert fields_of("nobody-knows") == {}
    assert not is_container("nobody-knows")
    assert not is_detached("nobody-knows")
