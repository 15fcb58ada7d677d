"""What HTTP asks of a server of files, line by line, over a real connection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from tests.origin.client import parts_of
from tests.origin.conftest import Site
from tests.origin.files import BIG, NOTES, path_of

N = len(NOTES)


@dataclass(frozen=True, slots=True)
class Row:
    """A request and what has to come of it.

    Attributes:
        headers: of the request; ``{tag}``, ``{digest}``, ``{date}`` stand for what the file has, ``{before}``
            for an earlier date.
        parts: of the body; None for the whole file, an empty list for no bytes of it.
        says: headers of the answer.
    """

    name: str
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    parts: Sequence[tuple[int, int]] | None = None
    says: Mapping[str, str] = field(default_factory=dict)
    method: str = "GET"
    file: str = "notes.txt"


def ranged(name: str, range_: str, *parts: tuple[int, int], file: str = "notes.txt", **headers: str) -> Row:
    """A row in which parts are asked for and given."""
    length = N if file == "notes.txt" else len(BIG)
    says = {}
    if len(parts) == 1:
        start, stop = parts[0]
        says = {"content-range": f"bytes {start}-{stop - 1}/{length}", "content-length": str(stop - start)}
    asked = {"Range": range_, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return Row(name, 206, asked, parts, says, file=file)


def whole(name: str, status: int = 200, **headers: str) -> Row:
    """A row in which the whole file is given, or no byte of it if the status says so."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Row(name, status, named, None if status == 200 else [])


UNSATISFIABLE = {"content-range": f"bytes */{N}"}
WHOLE = {"content-length": str(N), "accept-ranges": "bytes"}
OTHER = '"0000"'
TABLE = [
    Row("the whole file", 200, says=WHOLE),
    Row("an empty file", 200, says={"content-length": "0"}, file="empty.txt"),
    # Ranges
    ranged("one range", "bytes=10-19", (10, 20)),
    ranged("the first byte", "bytes=0-0", (0, 1)),
    ranged("the last byte", f"bytes={N - 1}-", (N - 1, N)),
    ranged("all of it as a range", "bytes=0-", (0, N)),
    ranged("an open range", "bytes=1000-", (1000, N)),
    ranged("a suffix", "bytes=-24", (N - 24, N)),
    ranged("a suffix longer than the file", f"bytes=-{N + 5}", (0, N)),
    ranged("an end beyond the file", "bytes=1000-99999999999999999999999", (1000, N)),
    ranged("another spelling of the unit", "Bytes=1-2", (1, 3)),
    ranged("white space and empty entries in the list", "bytes= , 1-2 ,,", (1, 3)),
    ranged("across slices and chunks", "bytes=262000-600000", (262000, 600001), file="big.bin"),
    ranged("two ranges", "bytes=0-9,500-509", (0, 10), (500, 510)),
    ranged("two ranges, backwards", "bytes=500-509,0-9", (500, 510), (0, 10)),
    ranged("ranges of a large file", "bytes=5-9,3000-700000,-3", (5, 10), (3000, 700001), (10**6, 10**6 + 3),
           file="big.bin"),
    ranged("overlapping ranges become one", "bytes=0-99,50-199", (0, 200)),
    ranged("ranges that nearly touch become one", "bytes=0-99,150-199", (0, 200)),
    ranged("some of them outside", f"bytes=0-9,{N}-,5000-6000", (0, 10)),
    ranged("the same many times", "bytes=" + ",".join(["0-9"] * 30), (0, 10)),
    whole("too many ranges", Range="bytes=" + ",".join(f"{at}-{at}" for at in range(0, 1000, 3))),
    whole("another unit", Range="seconds=1-2"),
    whole("no unit", Range="1-2"),
    whole("not a number", Range="bytes=a-b"),
    whole("digits that are not ASCII", Range="bytes=\xb2-\xb3"),
    whole("first after last", Range="bytes=9-3"),
    whole("a minus alone", Range="bytes=-"),
    whole("a sign", Range="bytes=+1-2"),
    whole("no ranges", Range="bytes="),
    Row("beyond the end", 416, {"Range": f"bytes={N}-"}, [], UNSATISFIABLE),
    Row("far beyond the end", 416, {"Range": "bytes=99999999999999999999999-"}, [], UNSATISFIABLE),
    Row("several, all beyond the end", 416, {"Range": "bytes=5000-6000, 7000-"}, [], UNSATISFIABLE),
    Row("an empty suffix", 416, {"Range": "bytes=-0"}, [], UNSATISFIABLE),
    Row("a range of an empty file", 200, {"Range": "bytes=0-"}, file="empty.txt"),
    Row("a range of HEAD is ignored", 200, {"Range": "bytes=0-9"}, [], WHOLE, method="HEAD"),
    # If-Range
    ranged("If-Range: the tag", "bytes=1-2", (1, 3), If_Range="{tag}"),
    ranged("If-Range: the date", "bytes=1-2", (1, 3), If_Range="{date}"),
    whole("If-Range: another tag", Range="bytes=1-2", If_Range=OTHER),
    whole("If-Range: the tag, but weak", Range="bytes=1-2", If_Range="W/{tag}"),
    whole("If-Range: an earlier date", Range="bytes=1-2", If_Range="{before}"),
    whole("If-Range: a later date", Range="bytes=1-2", If_Range="Fri, 01 Jan 2100 00:00:00 GMT"),
    whole("If-Range: nonsense", Range="bytes=1-2", If_Range="yesterday"),
    whole("If-Range: another tag, and a range outside", Range="bytes=5000-", If_Range=OTHER),
    whole("If-Range without Range", If_Range="{tag}"),
    # If-None-Match, If-Modified-Since
    whole("If-None-Match: the tag", 304, If_None_Match="{tag}"),
    whole("If-None-Match: the tag, weak", 304, If_None_Match="W/{tag}"),
    whole("If-None-Match: in a list", 304, If_None_Match='"a,b", W/"c" ,{tag}'),
    whole("If-None-Match: anything", 304, If_None_Match="*"),
    whole("If-None-Match: another tag", If_None_Match=OTHER),
    whole("If-None-Match: without its quotation marks", If_None_Match="{digest}"),
    whole("If-None-Match: a list with an error", If_None_Match='"a {tag}'),
    whole("If-None-Match goes before the date", If_None_Match=OTHER, If_Modified_Since="{date}"),
    whole("If-None-Match: the date differs", 304, If_None_Match="{tag}", If_Modified_Since="{before}"),
    whole("If-None-Match goes before the range", 304, If_None_Match="{tag}", Range="bytes=1-2"),
    whole("If-Modified-Since: the date", 304, If_Modified_Since="{date}"),
    whole("If-Modified-Since: a later date", 304, If_Modified_Since="Fri, 01 Jan 2100 00:00:00 GMT"),
    whole("If-Modified-Since: as old programs write it", 304, If_Modified_Since="Fri Jan  1 00:00:00 2100"),
    whole("If-Modified-Since: and still older ones", 304, If_Modified_Since="Monday, 01-Jan-50 00:00:00 GMT"),
    whole("If-Modified-Since: an earlier date", If_Modified_Since="{before}"),
    whole("If-Modified-Since: no date", If_Modified_Since="Fri, 99 Foo 2100 00:00:00 GMT"),
    whole("If-Modified-Since: another time zone", If_Modified_Since="Fri, 01 Jan 2100 00:00:00 +0100"),
    # If-Match, If-Unmodified-Since
    whole("If-Match: the tag", If_Match="{tag}"),
    whole("If-Match: in a list", If_Match="{tag}, " + OTHER),
    whole("If-Match: anything", If_Match="*"),
    whole("If-Match: another tag", 412, If_Match=OTHER),
    whole("If-Match: the tag, weak", 412, If_Match="W/{tag}"),
    whole("If-Match goes before the date", If_Match="{tag}", If_Unmodified_Since="{before}"),
    whole("If-Unmodified-Since: the date", If_Unmodified_Since="{date}"),
    whole("If-Unmodified-Since: an earlier date", 412, If_Unmodified_Since="{before}"),
    whole("If-Match and If-None-Match", 304, If_Match="{tag}", If_None_Match="{tag}"),
    # Methods
    Row("HEAD", 200, {}, [], WHOLE, method="HEAD"),
    Row("HEAD: a condition", 304, {"If-None-Match": "{tag}"}, [], method="HEAD"),
    *(
        Row(method, 405, {}, [], {"allow": "GET, HEAD, OPTIONS"}, method=method)
        for method in ("POST", "PUT", "DELETE", "PATCH", "PROPFIND", "get")
    ),
]  # fmt: skip


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_a_row(site: Site, row: Row) -> None:
    path = path_of(row.file)
    tag, date = site.validators(row.file)
    known = {
        "{tag}": tag,
        "{digest}": tag.strip('"'),
        "{date}": date,
        "{before}": "Sat, 01 Jan 2000 00:00:00 GMT",
    }
    headers = {}
    for name, value in row.headers.items():
        for mark, text in known.items():
            value = value.replace(mark, text)
        headers[name] = value
    reply = site.get(path, row.method, **headers)
    assert reply.status == row.status
    assert row.says.items() <= reply.headers.items()
    data = {"notes.txt": NOTES, "big.bin": BIG, "empty.txt": b""}[row.file]
    if row.parts is None:
        assert reply.body == data
    elif not row.parts:
        assert not any(piece in reply.body for piece in (data[:8], data[-8:]) if piece)
    elif len(row.parts) == 1:
        start, stop = row.parts[0]
        assert reply.body == data[start:stop]
    else:
        found = parts_of(reply)
        assert [part for _, part in found] == [data[start:stop] for start, stop in row.parts]
        kind = site.get(path, "HEAD").headers["content-type"]
        assert [about for about, _ in found] == [
            {"content-type": kind, "content-range": f"bytes {start}-{stop - 1}/{len(data)}"}
            for start, stop in row.parts
        ]
    if row.status in (200, 206, 304):
        assert reply.headers["etag"] == tag
        assert reply.headers["last-modified"] == date
        assert "cache-control" in reply.headers
    if row.status == 304:
        assert not {"content-type", "content-length", "content-range"} & set(reply.headers)
    if row.status >= 400:
        assert reply.headers["cache-control"] == "no-store"
    if row.status == 206:
        assert ("content-range" in reply.headers) == (len(row.parts or ()) == 1)
    if row.status not in (206, 416):
        assert "content-range" not in reply.headers


@pytest.mark.parametrize("name", ["notes.txt", "empty.txt", "big.bin", "drawing.svg", "archive"])
def test_head_equals_get(site: Site, name: str) -> None:
    answers = [site.get(path_of(name), method).headers for method in ("GET", "HEAD")]
    for headers in answers:
        assert isinstance(headers, dict)
        headers.pop("date")
    assert answers[0] == answers[1]
    assert site.get(path_of(name), "HEAD").body == b""
