"""From texts to stored values: every row of the format's table, both rules, both spellings."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modulestore.model.dates import parse_date
from modulestore.model.fields import Kind
from modulestore.olx.jsontext import NotJSON, parse_json
from modulestore.olx.values import classic_value, native_value, pure_value
from modulestore.olx.yamltext import NotYAML, parse_yaml

YEAR_2020 = datetime(2020, 1, 1, tzinfo=UTC)

CLASSIC: list[tuple[str, Kind, Any]] = [
    ("3", Kind.INTEGER, 3),
    ("3", Kind.STRING, "3"),
    ("true", Kind.STRING, "true"),
    ('"abc"', Kind.STRING, "abc"),
    *[("null", kind, None) for kind in Kind],
    ("true", Kind.BOOLEAN, True),
    ("True", Kind.BOOLEAN, True),
    ("FALSE", Kind.BOOLEAN, False),
    ('"true"', Kind.BOOLEAN, True),
    ("1", Kind.BOOLEAN, True),
    ("0", Kind.BOOLEAN, False),
    ("3.0", Kind.INTEGER, 3),
    ('"3"', Kind.INTEGER, 3),
    ("03", Kind.INTEGER, 3),
    ("+3", Kind.INTEGER, 3),
    ("1e2", Kind.INTEGER, 100),
    ("1", Kind.FLOAT, 1.0),
    (".5", Kind.FLOAT, 0.5),
    ("2020-01-01T00:00:00Z", Kind.DATE, YEAR_2020),
    ('"2020-01-01T00:00:00+00:00"', Kind.DATE, YEAR_2020),
    ("1577836800000", Kind.DATE, YEAR_2020),
    ("7200 seconds", Kind.TIMEDELTA, "7200 seconds"),
    ("1 day 12 hours", Kind.TIMEDELTA, "1 day 12 hours"),
    ('"1 day"', Kind.TIMEDELTA, "1 day"),
    ("10.0", Kind.RELATIVE_TIME, "00:00:10"),
    ('"00:01:30"', Kind.RELATIVE_TIME, "00:01:30"),
    ("0:1:30", Kind.RELATIVE_TIME, "00:01:30"),
    ("90", Kind.RELATIVE_TIME, "00:01:30"),
    ("90.5", Kind.RELATIVE_TIME, 90.5),
    ("", Kind.STRING, ""),
    ("", Kind.BOOLEAN, ""),
    ("", Kind.LIST, ""),
    ("", Kind.INTEGER, None),
    ("", Kind.FLOAT, None),
    ("", Kind.DATE, None),
    ('["a", 1]', Kind.LIST, ["a", 1]),
    ('{"a": [1]}', Kind.DICT, {"a": [1]}),
    ('{"a": 1}', Kind.STRING, '{"a": 1}'),
    ("[1]", Kind.STRING, "[1]"),
    ('"]"', Kind.ANY, "]"),
    ("bare", Kind.ANY, "bare"),
]

KEPT_AS_TEXT: list[tuple[str, Kind]] = [
    ("yes", Kind.BOOLEAN),
    ("[1]", Kind.DICT),
    ('{"a": 1}', Kind.LIST),
    ("a, b", Kind.LIST),
    ("some", Kind.INTEGER),
    ("3.7", Kind.INTEGER),
    ("true", Kind.INTEGER),
    ("99999999999999999999", Kind.INTEGER),
    ("NaN", Kind.FLOAT),
    ("Infinity", Kind.FLOAT),
    ("1e999", Kind.FLOAT),
    ("2020-01", Kind.DATE),
    ("2020-02-30", Kind.DATE),
    ("next week", Kind.DATE),
    ("99999999999999999999999", Kind.DATE),
    ("25:00:00", Kind.RELATIVE_TIME),
    ("1:30", Kind.RELATIVE_TIME),
    ("[NaN]", Kind.LIST),
    ("[99999999999999999999]", Kind.LIST),
    ('["\\ud800"]', Kind.LIST),
    ('{"a\\u0000": 1}', Kind.DICT),
    ("[" * 100_000, Kind.LIST),
]


@pytest.mark.parametrize(("text", "kind", "stored"), CLASSIC)
def test_an_attribute_of_a_classic_block(text: str, kind: Kind, stored: Any) -> None:
    value = classic_value(kind, text)
    assert value == (stored, False)
    assert type(value.value) is type(stored)


@pytest.mark.parametrize(("text", "kind"), KEPT_AS_TEXT)
@pytest.mark.parametrize("rule", [classic_value, pure_value])
def test_a_text_of_another_kind_stays_and_is_told(text: str, kind: Kind, rule: Any) -> None:
    if rule is pure_value and (text, kind) in {("yes", Kind.BOOLEAN)}:
        return
    assert rule(kind, text) == (text, True)


@pytest.mark.parametrize(
    ("text", "kind", "stored"),
    [
        ("null", Kind.STRING, "null"),
        ('"abc"', Kind.STRING, '"abc"'),
        ("3", Kind.STRING, "3"),
        ("a\x01b", Kind.STRING, "ab"),
        ("null", Kind.INTEGER, None),
        ("~", Kind.INTEGER, None),
        ("yes", Kind.BOOLEAN, True),
        ("Off", Kind.BOOLEAN, False),
        ("False", Kind.BOOLEAN, False),
        ("010", Kind.INTEGER, 8),
        ("0x1F", Kind.INTEGER, 31),
        ("1_000", Kind.INTEGER, 1000),
        ("1:30", Kind.INTEGER, 90),
        ("1.0", Kind.FLOAT, 1.0),
        ("2020-01-01", Kind.DATE, YEAR_2020),
        ('"2020-01-01T00:00:00Z"', Kind.DATE, YEAR_2020),
        ("00:01:30", Kind.RELATIVE_TIME, "00:01:30"),
        ("[a, 'b c', \"d\", 1, yes]", Kind.LIST, ["a", "b c", "d", 1, True]),
        ("['it''s', \"a\\\"b\"]", Kind.LIST, ["it's", 'a"b']),
        ("{a: 1, 'b': [x], c: }", Kind.DICT, {"a": 1, "b": ["x"], "c": None}),
        ("[a:b, http://x]", Kind.LIST, ["a:b", "http://x"]),
        ('[\n  "a"\n]', Kind.LIST, ["a"]),
        ("[]", Kind.LIST, []),
    ],
)
def test_an_attribute_of_a_pure_block(text: str, kind: Kind, stored: Any) -> None:
    value = pure_value(kind, text)
    assert value == (stored, False)
    assert type(value.value) is type(stored)


@pytest.mark.parametrize("text", ["[a", "{a}", "'a", "[a] b", "[,]", '"\\q"', "[" * 60 + "a" + "]" * 60])
def test_what_is_no_yaml_of_ours(text: str) -> None:
    with pytest.raises(NotYAML):
        parse_yaml(text)


@pytest.mark.parametrize(
    ("given_value", "kind", "stored", "as_text"),
    [
        ("true", Kind.BOOLEAN, True, False),
        ("3", Kind.INTEGER, 3, False),
        ("2015-07-17T12:00", Kind.DATE, datetime(2015, 7, 17, 12, tzinfo=UTC), False),
        ("", Kind.DATE, None, False),
        (5, Kind.STRING, "5", False),
        (True, Kind.STRING, "true", False),
        (None, Kind.STRING, None, False),
        ("[1]", Kind.LIST, "[1]", True),
        ([1], Kind.STRING, [1], True),
        ({"a": 1}, Kind.DICT, {"a": 1}, False),
    ],
)
def test_a_policy_holds_json_already(given_value: Any, kind: Kind, stored: Any, as_text: bool) -> None:
    assert native_value(kind, given_value) == (stored, as_text)


@pytest.mark.parametrize(
    "text",
    [
        "2015-07-01T09:05:06.250Z",
        "2015-07-01T09:05:06,2509+00:00",
        "2015-7-1 9:05:06.25",
        "2015-07-01T11:05:06.250+02:00",
        "2015-07-01T04:05:06.250-0500",
        "20150701T090506.250Z",
        " 2015-07-01t09:05:06.250 utc ",
    ],
)
def test_spellings_of_one_moment(text: str) -> None:
    moment = parse_date(text)
    assert moment == datetime(2015, 7, 1, 9, 5, 6, 250_000, tzinfo=UTC)
    assert moment is not None
    assert moment.tzinfo is UTC


@pytest.mark.parametrize("text", ["", "2015", "2015-07", "0000-01-01", "0001-01-01T00:00+05:00", "12:00"])
def test_texts_that_name_no_moment(text: str) -> None:
    assert parse_date(text) is None


moments = st.datetimes(
    min_value=datetime(1, 1, 2),  # noqa: DTZ001 - the zone is given beside
    max_value=datetime(9999, 12, 30),  # noqa: DTZ001
    timezones=st.just(UTC),
).map(lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000))
zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(moments, zones)
def test_a_moment_is_the_same_in_every_zone_and_with_or_without_quotes(
    moment: datetime, zone: timezone
) -> None:
    try:
        text = moment.astimezone(zone).isoformat()
    except OverflowError:
        return
    bare = classic_value(Kind.DATE, text)
    assert bare == (moment, False)
    assert classic_value(Kind.DATE, json.dumps(text)) == bare
    assert pure_value(Kind.DATE, json.dumps(text)) == bare


texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]))
plain_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
).filter(lambda value: "Infinity" not in json.dumps(value))


@given(st.lists(plain_json, max_size=4) | st.dictionaries(texts, plain_json, max_size=4), st.booleans())
def test_lists_and_mappings_come_back(value: Any, indented: bool) -> None:
    kind = Kind.LIST if isinstance(value, list) else Kind.DICT
    text = json.dumps(value, indent=2 if indented else None, ensure_ascii=indented)
    assert classic_value(kind, text) == (value, False)
    assert pure_value(kind, text) == (value, False)


@given(texts)
def test_a_pure_text_is_itself_and_a_classic_one_comes_back_from_json(text: str) -> None:
    assert pure_value(Kind.STRING, text) == (text, False)
    assert classic_value(Kind.STRING, json.dumps(text)) == (text, False)


@given(st.sampled_from(list(Kind)), st.text() | st.from_regex(r"[\[{\"'0-9a-z:,. -]{0,20}", fullmatch=True))
def test_no_text_is_too_strange(kind: Kind, text: str) -> None:
    for rule in (classic_value, pure_value):
        value, as_text = rule(kind, text)
        if as_text:
            assert value == text
        elif isinstance(value, float):
            assert math.isfinite(value)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[1,]", "{'a': 1}", "-", '"\\ud83d"', "2030-01-01T00:00:00Z", "00:10:00", "1 2", "1-", "07"],
)
def test_what_is_no_json(text: str) -> None:
    with pytest.raises(NotJSON):
        parse_json(text)


@pytest.mark.parametrize(("text", "value"), [(" 12\n", 12), ("-0.5e+2", -50.0), ("1E3", 1000.0), ("-0", 0)])
def test_numbers_in_json(text: str, value: float) -> None:
    assert parse_json(text) == value


def test_a_whole_surrogate_pair_is_a_character() -> None:
    assert parse_json('"\\ud83c\\udf0a"') == "🌊"


@pytest.mark.parametrize(
    ("kind", "text"), [(Kind.INTEGER, "3\x1f"), (Kind.FLOAT, "\x1c3.5"), (Kind.RELATIVE_TIME, "3\x1f")]
)
def test_blanks_that_numbers_do_not_know(kind: Kind, text: str) -> None:
    """A policy can have them, as JSON does."""
    assert native_value(kind, text).value in (3, 3.5, "00:00:03")
