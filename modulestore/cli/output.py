"""What commands print: JSON for programs, text for people."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from typing import Any, TextIO

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from modulestore import ProgressCallback
from modulestore.cli.terminal import console, room_on

__all__ = [
    "as_json_text",
    "as_json_value",
    "counted",
    "is_narrow",
    "print_json",
    "progress_bar",
    "since",
]


def print_json(value: object) -> None:
    """One JSON value on standard output."""
    json.dump(as_json_value(value), sys.stdout, ensure_ascii=is_narrow(sys.stdout), indent=2)
    print()


def is_narrow(stream: TextIO) -> bool:
    """Whether a stream has not all letters: JSON has to spell the others there."""
    encoding = getattr(stream, "encoding", None)  # None of a stream that is no file
    return encoding is not None and not encoding.lower().startswith("utf")


def as_json_value(value: object) -> Any:
    """Any value of the library as JSON has it: keys and ids as text, times in ISO 8601 with ``Z``."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, datetime):
        return (
            value.astimezone(UTC)
            .isoformat(timespec="milliseconds")
            .replace(".000", "")
            .replace("+00:00", "Z")
        )
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: as_json_value(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): as_json_value(item) for name, item in value.items()}
    if type(value) in (list, tuple) or isinstance(value, Set):
        return [as_json_value(item) for item in value]  # type: ignore[attr-defined]
    return str(value)


def since(moment: datetime) -> str:
    """A time as people read it, to the minute."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


@contextmanager
def progress_bar() -> Iterator[ProgressCallback]:
    """A callback that shows progress on standard error, if that is a terminal that can."""
    err = console(sys.stderr)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    off = room_on(sys.stderr) is None or err.is_dumb_terminal
    with Progress(*columns, console=err, transient=True, disable=off) as bar:
        task = bar.add_task("starting", total=None)
        yield lambda what, done, total: bar.update(task, description=what, completed=done, total=total)


def as_json_text(value: object) -> str:
    """A value on one line."""
    return json.dumps(as_json_value(value), ensure_ascii=False)


def counted(count: int, noun: str) -> str:
    """``1 block``, ``12,345 blocks``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
