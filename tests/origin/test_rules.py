"""The rules, without a server: whatever is asked for, they have an answer, and it holds."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modulestore.errors import InvalidKey
from modulestore.keys import AssetKey, CourseKey
from modulestore.model.files import CourseFile
from modulestore.origin.answers import content, moved, unsatisfiable
from modulestore.origin.conditions import Outcome, Validators, precondition, range_applies, validators_of
from modulestore.origin.content_types import UNKNOWN, content_type, security_policy
from modulestore.origin.dates import format_date, parse_date
from modulestore.origin.headers import content_disposition, file_headers, preflight_headers
from modulestore.origin.ranges import MOST_PARTS, Part, requested_parts
from modulestore.origin.signed import is_signed, sign
from modulestore.origin.urls import asset_path, parse_asset_path

NOW = datetime(2026, 5, 1, 12, 0, 0, tzinfo=UTC)
UPLOADED = datetime(2026, 4, 30, 10, 20, 30, 456000, tzinfo=UTC)
KEY = AssetKey(CourseKey("Example", "MS101", "2026"), "pic.png")
FILE = CourseFile(KEY, 1000, "pic.png", sha256="ab" * 32, md5="cd" * 16, uploaded_on=UPLOADED)

numbers = st.integers(0, 30).map(str) | st.just("") | st.just("9" * 5000)
specs = st.tuples(numbers, numbers).map("-".join) | st.text(max_size=5)
range_headers = st.text(max_size=30) | st.lists(specs, max_size=40).map(
    lambda found: f"bytes={','.join(found)}"
)
names = st.text(max_size=300)
files = st.builds(
    CourseFile,
    key=names.map(lambda name: KEY._replace(name=name)),
    length=st.integers(0, 10**12),
    display_name=names,
    content_type=st.none()
    | st.text(max_size=80)
    | st.sampled_from(["text/html\r\nX: y", "image/png", "a/b;c"]),
    locked=st.booleans(),
    md5=st.none() | st.just("cd" * 16),
    sha256=st.none() | st.just("ab" * 32),
    uploaded_on=st.none() | st.datetimes(timezones=st.just(UTC)),
)
conditions = st.dictionaries(
    st.sampled_from(["if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range"]),
    st.text()
    | st.text(alphabet='W/"ab, *\\', max_size=20)
    | st.datetimes(timezones=st.just(UTC)).map(format_date),
)


# --- ranges


@given(range_headers, st.integers(0, 40))
def test_parts_are_inside_the_file_and_apart(header: str, length: int) -> None:
    parts = requested_parts(header, length)
    for part in parts or ():
        assert 0 <= part.start < part.stop <= length
    found = sorted(parts or ())
    assert all(one.stop < other.start for one, other in pairwise(found))


@given(st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 5000)), min_size=1, max_size=MOST_PARTS))
def test_every_byte_that_is_asked_for_is_given(asked: list[tuple[int, int]]) -> None:
    spans = [(min(span), max(span)) for span in asked]
    length = 4000
    parts = requested_parts("bytes=" + ",".join(f"{first}-{last}" for first, last in spans), length)
    assert parts is not None
    wanted = {at for first, last in spans for at in range(first, last + 1) if at < length}
    given_ = {at for part in parts for at in range(part.start, part.stop)}
    assert wanted <= given_
    assert sum(stop - start for start, stop in parts) <= length
    assert len(given_ - wanted) <= 128 * len(spans), "only small gaps are filled"


def test_parts_stay_in_their_order() -> None:
    assert requested_parts("bytes=900-909,0-9,500-509,905-950", 1000) == (
        Part(900, 951),
        Part(0, 10),
        Part(500, 510),
    )
    assert requested_parts("bytes=0-9,900-909,400-499,20-30,200-390", 1000) == (
        Part(0, 31),
        Part(900, 910),
        Part(200, 500),
    )


@pytest.mark.parametrize(
    "header", [None, "", "bytes", "bytes=", "bytes=,", "bytes=-", "bytes=1", "lines=1-2"]
)
def test_no_range(header: str | None) -> None:
    assert requested_parts(header, 10) is None


# --- dates


@given(st.datetimes(timezones=st.just(UTC)))
def test_dates_come_back(moment: datetime) -> None:
    text = format_date(moment)
    assert text == format_datetime(moment, usegmt=True)
    assert parse_date(text, NOW) == moment.replace(microsecond=0)


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("Sun, 06 Nov 1994 08:49:37 GMT", datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)),
        ("Sunday, 06-Nov-94 08:49:37 GMT", datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)),
        ("Sun Nov  6 08:49:37 1994", datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)),
        ("Sunday, 06-Nov-76 08:49:37 GMT", datetime(2076, 11, 6, 8, 49, 37, tzinfo=UTC)),
        ("Sunday, 06-Nov-77 08:49:37 GMT", datetime(1977, 11, 6, 8, 49, 37, tzinfo=UTC)),
        ("Sun, 31 Feb 1994 08:49:37 GMT", None),
        ("Sun, 06 Nov 0000 08:49:37 GMT", None),
        ("Sun, 06 Nov 1994 24:49:37 GMT", None),
        ("Sun, 06 Nov 1994 08:49:37 UTC", None),
        ("Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT", None),
        ("1994-11-06T08:49:37Z", None),
        ("784111777", None),
        ("", None),
    ],
)
def test_a_date(text: str, date: datetime | None) -> None:
    assert parse_date(text, NOW) == date


@given(st.text() | st.text(alphabet="SunNov 0123456789:-,GMT", max_size=40))
def test_any_text_is_a_date_or_none(text: str) -> None:
    parse_date(text, NOW)


# --- validators and conditions


@given(conditions, st.none() | st.just('"ab"'), st.none() | st.just(NOW))
def test_any_conditions_come_to_something(
    headers: dict[str, str], tag: str | None, modified: datetime | None
) -> None:
    validators = Validators(tag, modified)
    assert precondition(headers, validators, NOW) in Outcome
    assert range_applies(headers, validators, NOW) in (True, False)


def test_a_tag_says_which_bytes() -> None:
    tags = [
        validators_of(file, NOW).tag
        for file in (
            FILE,
            replace(FILE, sha256="12" * 32),
            replace(FILE, sha256=None),
            replace(FILE, sha256=None, md5="34" * 16),
            replace(FILE, sha256=None, md5=None),
            replace(FILE, sha256=None, md5=None, length=999),
            replace(FILE, sha256=None, md5=None, uploaded_on=UPLOADED + timedelta(milliseconds=1)),
            replace(FILE, sha256=None, md5=None, uploaded_on=None),
        )
    ]
    assert len(set(tags)) == len(tags)
    assert tags[-1] is None
    assert all(
        re.fullmatch(r'"[0-9a-f-]+(md5-[0-9a-f]+)?"', tag) or tag.startswith('"md5-')
        for tag in tags[:-1]
        if tag
    )
    assert validators_of(replace(FILE, locked=True, display_name="other"), NOW).tag == tags[0]


def test_a_date_is_not_said_within_its_second() -> None:
    second = UPLOADED.replace(microsecond=0)
    for moment in (UPLOADED, second + timedelta(milliseconds=999), second - timedelta(hours=1)):
        assert validators_of(FILE, moment).modified is None
    assert validators_of(FILE, second + timedelta(seconds=1)).modified == second


def test_without_validators_nothing_matches() -> None:
    nothing = Validators(None, None)
    assert precondition({"if-none-match": '""'}, nothing, NOW) is Outcome.SEND
    assert precondition({"if-match": '""'}, nothing, NOW) is Outcome.FAILED
    assert not range_applies({"if-range": '""'}, nothing, NOW)


# --- content types


@pytest.mark.parametrize(
    ("stored", "name", "expected"),
    [
        ("image/PNG", "x.txt", "image/png"),
        ("text/html; charset=UTF-8", "x", "text/html; charset=UTF-8"),
        ('text/plain;charset="utf-8" ', "x", "text/plain; charset=utf-8"),
        ("text/plain; format=flowed", "x.md", "text/plain"),
        ("text/plain; format=flowed; Charset=utf-8; x", "x", "text/plain; charset=utf-8"),
        (None, "x.PNG", "image/png"),
        ("", "x.vtt", "text/vtt"),
        ("png", "x.woff2", "font/woff2"),
        ("text/html\r\nSet-Cookie: a=b", "x.pdf", "application/pdf"),
        ("image/png, text/html", "x", UNKNOWN),
        (None, "x.tar.gz", "application/gzip"),
        (None, "png", "image/png"),
        (None, "x.", UNKNOWN),
        (None, "x.exe", UNKNOWN),
        ("multipart/x-mixed-replace", "x.png", UNKNOWN),
        ("message/rfc822", "x.eml", UNKNOWN),
    ],
)
def test_a_type(stored: str | None, name: str, expected: str) -> None:
    assert content_type(replace(FILE, content_type=stored, key=KEY._replace(name=name))) == expected


@pytest.mark.parametrize(
    "kind",
    [
        *("text/html", "TEXT/HTML; charset=x", "application/xhtml+xml", "application/vnd.wap.xhtml+xml"),
        *("image/svg+xml", "image/x-xml", "text/xml", "text/xsl", "application/xml", "application/rss+xml"),
        *("application/mathml+xml", "application/x-shockwave-flash", "x/y"),
    ],
)
def test_what_could_run_is_in_a_sandbox(kind: str) -> None:
    policy = security_policy(content_type(replace(FILE, content_type=kind)))
    assert policy is not None
    assert "sandbox" in policy
    assert "allow-same-origin" not in policy
    assert "allow-top-navigation" not in policy


@pytest.mark.parametrize("kind", ["image/png", "video/mp4", "application/pdf", "font/woff2", "text/css"])
def test_what_only_shows_is_not(kind: str) -> None:
    assert security_policy(kind) is None


# --- headers


@given(files, st.booleans(), st.integers(0, 10**9), range_headers)
def test_headers_hold_no_line_ends(file: CourseFile, versioned: bool, max_age: int, range_: str) -> None:
    headers = file_headers(file, validators_of(file, NOW), versioned=versioned, max_age=max_age)
    parts = requested_parts(range_, file.length)
    answers = [
        unsatisfiable(file, headers).headers,
        content(file, headers, parts or None, "b").headers,
        moved(file, "/root", "a=b").headers,
        preflight_headers(file, "GET"),
    ]
    for name, value in (item for answer in answers for item in answer.items()):
        assert re.fullmatch(r"[\x20-\x7e]*", value), name
    assert (
        file.locked == ("public" not in headers["Cache-Control"]) == ("no-store" in headers["Cache-Control"])
    )
    assert file.locked == ("Access-Control-Allow-Origin" not in headers)


@given(names, names)
def test_a_name_comes_back(display_name: str, name: str) -> None:
    value = content_disposition(replace(FILE, display_name=display_name, key=KEY._replace(name=name)))
    match = re.fullmatch(
        r"inline; filename=\"([\x20-\x7e]+)\"(?:; filename\*=UTF-8''([\w!#$&+.^`|~%-]+))?", value
    )
    assert match, value
    plain, full = match[1], unquote(match[2] or match[1], errors="strict")
    assert '"' not in plain
    assert "%" not in plain
    assert not re.search(r"[\x00-\x1f/\\]", full)
    assert full.strip(" .") == full
    assert len(full) <= 150


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("notes.txt", 'inline; filename="notes.txt"'),
        ("My notes.txt", 'inline; filename="My notes.txt"'),
        ("Übung.pdf", "inline; filename=\"_bung.pdf\"; filename*=UTF-8''%C3%9Cbung.pdf"),
        ("讲义.pdf", "inline; filename=\"__.pdf\"; filename*=UTF-8''%E8%AE%B2%E4%B9%89.pdf"),
        ('a"b;c.txt', "inline; filename=\"a_b;c.txt\"; filename*=UTF-8''a%22b%3Bc.txt"),
        ("100%.txt", "inline; filename=\"100_.txt\"; filename*=UTF-8''100%25.txt"),
        ("../../etc/passwd", 'inline; filename="_.._etc_passwd"'),
        ("a\r\nSet-Cookie: x", 'inline; filename="a__Set-Cookie: x"'),
        ("invoice\u202efdp.exe", 'inline; filename="invoice_fdp.exe"'),
        ("درس‌ها.pdf", None),
        (" . ", 'inline; filename="pic.png"'),
        ("x" * 200 + ".pdf", f'inline; filename="{"x" * 146}.pdf"'),
    ],
)  # fmt: skip
def test_a_disposition(name: str, expected: str | None) -> None:
    value = content_disposition(replace(FILE, display_name=name))
    if expected is None:
        assert unquote(value.rpartition("''")[2]) == name, "signs that join letters belong to the name"
    else:
        assert value == expected


# --- paths


@given(st.text() | st.from_regex(r"/(assets/courseware/(v1/)?[0-9a-f]{32}/)?(asset-v1:|c4x/)[\w+@/.:%]*"))
def test_any_path_is_a_key_or_none(path: str) -> None:
    with suppress(InvalidKey):
        parse_asset_path(path)


@given(st.from_regex(r"\A[\w\-~.:%]+\Z"), st.booleans())
def test_a_path_leads_to_its_file(name: str, versioned: bool) -> None:
    for key in (KEY._replace(name=name), AssetKey(CourseKey("O", "C", None, deprecated=True), name)):
        path = asset_path(replace(FILE, key=key), versioned=versioned)
        assert re.fullmatch(r"/[\w/:@+~.%-]+", path, re.ASCII)
        wanted = parse_asset_path(unquote(path))
        assert wanted == (key, FILE.md5 if versioned else None)


def test_a_file_without_digest_has_no_versioned_path() -> None:
    file = replace(FILE, md5=None)
    assert asset_path(file, versioned=True) == asset_path(file)


# --- signed URLs


def test_a_signature() -> None:
    secret, path = b"s" * 32, asset_path(FILE)
    query = sign(path, secret=secret, expires=2000)
    assert is_signed(path, query, secret=secret, now=1999.9)
    assert is_signed(path, f"a=b&{query}", secret=secret, now=1000)
    assert not is_signed(path, query, secret=secret, now=2000)
    assert not is_signed(path, query, secret=b"t" * 32, now=1000)
    assert not is_signed(path + "x", query, secret=secret, now=1000)
    assert not is_signed(path, query.replace("2000", "3000"), secret=secret, now=1000)
    assert not is_signed(path, query[:-1], secret=secret, now=1000)
    assert not is_signed(path, "", secret=secret, now=1000)


@given(st.text(), st.text(), st.text())
def test_no_query_is_signed_by_chance(path: str, expires: str, signature: str) -> None:
    assert not is_signed(path, f"expires={expires}&signature={signature}", secret=b"s", now=0)
    assert not is_signed(path, expires, secret=b"s", now=0)
