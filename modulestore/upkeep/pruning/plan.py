"""A plan: what a pruning would do, line by line, sealed so that it is applied as it was made.

A file of JSON lines::

    {"prune plan": 1, "made_on": …, "policy": {…}, "course": …, "why_deleted": …}
    {"keep": "<id>", "why": ["head draft of course-v1:…", …]}      structures in order of their ids,
    {"delete": "<id>"}                                             kept and deleted ones mixed
    {"relink": "<id>", "from": "<id>", "to": "<id>" or null}
    {"definition": "<id>"}
    {"file": "<name>", "bytes": …}
    {"expire": "<key of a deleted course's record>", "revision": …, "course": …}
    {"end": {…}}                                                   counts
    {"digest": "<SHA-256 of every line before this one>"}
"""

from __future__ import annotations

import hashlib
import json
from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

from modulestore.errors import InvalidInput, VersionNotFound
from modulestore.keys import VersionId
from modulestore.model.columns import VersionColumn
from modulestore.model.files import Leftover
from modulestore.upkeep.pruning.policy import Policy
from modulestore.upkeep.pruning.reasons import NOT_KEPT

__all__ = [
    "ExpiredCourse",
    "Plan",
    "PlanHeader",
    "PlanSummary",
    "Relink",
    "Sealed",
    "delete_lines",
    "end_line",
    "expire_line",
    "file_line",
    "header_line",
    "keep_line",
    "read_plan",
    "reasons_in",
    "relink_line",
]

_VERSION: Final = 1
_DELETE: Final = b'{"delete": "'
_DEFINITION: Final = b'{"definition": "'
_AFTER: Final = b'"}\n'


class Relink(NamedTuple):
    """A structure that is kept and gets another ``previous_version``."""

    version: VersionId
    before: VersionId
    to: VersionId | None


class ExpiredCourse(NamedTuple):
    """A deleted course that can be taken back no more: the record that says so, as it was."""

    record: str
    revision: int
    course: str


@dataclass(frozen=True, slots=True)
class PlanHeader:
    """What a plan was made of.

    Attributes:
        made_on: by the database's clock.
        course: the course or library that it is about; None if it is about all.
    """

    made_on: datetime
    policy: Policy
    course: str | None = None


@dataclass(frozen=True, slots=True)
class PlanSummary:
    """What a plan comes to.

    Attributes:
        kept, deleted: structures.
        bytes: of the structures, definitions and files that go; those of documents are measured on a sample
            if there are many.
        reasons: how many structures are kept for each kind of reason; some for several.
    """

    kept: int
    deleted: int
    relinked: int
    definitions: int
    files: int
    expired: int
    bytes: int
    reasons: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan that was read, without the reasons.

    Attributes:
        kept, deleted, definitions: ids in order.
    """

    header: PlanHeader
    summary: PlanSummary
    digest: str
    kept: VersionColumn
    deleted: VersionColumn
    definitions: VersionColumn
    relinks: tuple[Relink, ...] = ()
    files: tuple[Leftover, ...] = ()
    expired: tuple[ExpiredCourse, ...] = ()


@dataclass(slots=True)
class Sealed:
    """Lines on their way into a plan; it knows the digest of those that went through."""

    _digest: Any = field(default_factory=hashlib.sha256)

    def through(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        """The same lines."""
        for one in lines:
            self._digest.update(one)
            yield one

    def end(self) -> bytes:
        """The last line."""
        return _line({"digest": self._digest.hexdigest()})


def _line(value: Mapping[str, Any]) -> bytes:
    """One line."""
    return json.dumps(value, ensure_ascii=False, default=str).encode() + b"\n"


def header_line(header: PlanHeader) -> bytes:
    """The first line."""
    return _line(
        {
            "prune plan": _VERSION,
            "made_on": header.made_on.isoformat(),
            "policy": header.policy.as_json(),
            "course": header.course,
            "why_deleted": NOT_KEPT,
        }
    )


def keep_line(version: VersionId, reasons: Iterable[str]) -> bytes:
    """A structure that is kept."""
    return _line({"keep": str(version), "why": list(reasons)})


def delete_lines(ids: VersionColumn, *, definitions: bool = False) -> bytes:
    """Structures, or definitions, that go: a line each."""
    start = _DEFINITION if definitions else _DELETE
    if not ids:
        return b""
    text = ids.packed.hex().encode()
    return start + (_AFTER + start).join(text[at : at + 24] for at in range(0, len(text), 24)) + _AFTER


def relink_line(relink: Relink) -> bytes:
    """A new ``previous_version``."""
    to = None if relink.to is None else str(relink.to)
    return _line({"relink": str(relink.version), "from": str(relink.before), "to": to})


def file_line(leftover: Leftover) -> bytes:
    """Bytes that no file needs."""
    return _line({"file": leftover.name, "bytes": leftover.size})


def expire_line(expired: ExpiredCourse) -> bytes:
    """A deleted course that cannot be taken back any more."""
    return _line({"expire": expired.record, "revision": expired.revision, "course": expired.course})


def end_line(summary: PlanSummary) -> bytes:
    """The counts."""
    names = PlanSummary.__dataclass_fields__
    return _line({"end": {name: getattr(summary, name) for name in names}})


def read_plan(lines: Iterable[bytes], place: str) -> Plan:
    """The plan in a file. Ids take twelve bytes each; reasons are not kept.

    Raises:
        InvalidInput: it is no plan, of a later release, cut off, or not as it was made.
    """
    digest = hashlib.sha256()
    header: PlanHeader | None = None
    summary: PlanSummary | None = None
    columns = {name: array("B") for name in ("keep", "delete", "definition")}
    relinks: list[Relink] = []
    files: list[Leftover] = []
    expired: list[ExpiredCourse] = []
    number = 0
    try:
        for number, raw in enumerate(lines, 1):
            if raw.startswith(_DELETE):
                digest.update(raw)
                columns["delete"].frombytes(bytes.fromhex(raw[12:36].decode()))
                continue
            value = json.loads(raw)
            if "digest" in value:
                if raw != _line({"digest": digest.hexdigest()}):
                    raise _changed(place)
                break
            digest.update(raw)
            if number == 1:
                header = _header(value, place)
            elif "keep" in value:
                columns["keep"].frombytes(VersionId.parse(value["keep"]))
            elif "definition" in value:
                columns["definition"].frombytes(VersionId.parse(value["definition"]))
            elif "relink" in value:
                to = value["to"]
                ids = VersionId.parse(value["relink"]), VersionId.parse(value["from"])
                relinks.append(Relink(*ids, None if to is None else VersionId.parse(to)))
            elif "file" in value:
                files.append(Leftover(value["file"], value["bytes"]))
            elif "expire" in value:
                expired.append(ExpiredCourse(value["expire"], value["revision"], value["course"]))
            else:
                summary = PlanSummary(**value["end"])
        else:
            raise InvalidInput("the plan is cut off", place=place, hint="make a new one: `prune plan`")
        if header is None or summary is None:
            raise KeyError("header, end")
    except (InvalidInput, KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        if isinstance(error, InvalidInput) and error.place == place:
            raise
        if header is None:
            raise _no_plan(place, number, error) from error
        raise _changed(f"{place}, line {number}") from error
    kept, deleted, definitions = (VersionColumn(columns[name].tobytes()) for name in columns)
    return Plan(
        header,
        summary,
        digest.hexdigest(),
        kept,
        deleted,
        VersionColumn.of(sorted(definitions)),
        tuple(relinks),
        tuple(files),
        tuple(expired),
    )


def reasons_in(lines: Iterable[bytes], version: VersionId, place: str) -> list[str]:
    """Why a plan keeps a structure; nothing if it goes.

    Raises:
        InvalidInput: this is no plan, or of a later release.
        VersionNotFound: the plan does not have it.
    """
    name = str(version).encode()
    for number, raw in enumerate(lines, 1):
        if number == 1:
            _expect_known(raw, place)
        if name in raw and raw.startswith((b'{"keep"', _DELETE)):
            value = json.loads(raw)
            if value.get("keep", value.get("delete")) == str(version):
                return list(value.get("why", ()))
    raise VersionNotFound(
        f"the plan does not have structure {version}",
        place=place,
        hint="it is about other courses, or the version is younger than the plan, or gone",
    )


def _expect_known(raw: bytes, place: str) -> None:
    try:
        _header(json.loads(raw), place)
    except (InvalidInput, KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        if isinstance(error, InvalidInput) and error.place == place:
            raise
        raise _no_plan(place, 1, error) from error


def _header(value: Mapping[str, Any], place: str) -> PlanHeader:
    if value["prune plan"] != _VERSION:
        raise InvalidInput(
            f"a plan of version {value['prune plan']}, and this release knows {_VERSION}",
            place=place,
            hint="apply it with the release that made it, or make a new one: `prune plan`",
        )
    return PlanHeader(
        datetime.fromisoformat(value["made_on"]),
        Policy.from_json(value["policy"]),
        value["course"],
    )


def _changed(place: str) -> InvalidInput:
    return InvalidInput("the plan is not as it was made", place=place, hint="make a new one: `prune plan`")


def _no_plan(place: str, number: int, error: Exception) -> InvalidInput:
    return InvalidInput(
        f"this is no plan: {error}", place=f"{place}, line {number}", hint="make one: `prune plan`"
    )
