"""What every command needs to know, and the store that it works with."""

from __future__ import annotations

import json
import os
import shlex
import time
from dataclasses import dataclass, field
from typing import Annotated, Any

import typer

from modulestore import Store, connect
from modulestore.cli.completing import block_keys, branches, course_keys
from modulestore.cli.telling import Teller
from modulestore.errors import InvalidInput
from modulestore.keys import ContextKey, UsageKey, as_usage_key
from modulestore.observing import Observer

__all__ = [
    "CACHE_VARIABLE",
    "DEFAULT_URL",
    "OBJECTS_VARIABLE",
    "URL_VARIABLE",
    "Author",
    "Json",
    "Key",
    "Message",
    "Settings",
    "Usage",
    "VersionName",
    "as_author",
    "block_of",
    "field_and_value",
    "open_store",
]

URL_VARIABLE = "MODULESTORE_URL"
CACHE_VARIABLE = "MODULESTORE_CACHE"
OBJECTS_VARIABLE = "MODULESTORE_OBJECTS"
DEFAULT_URL = "sqlite:///modulestore.db"

Key = Annotated[
    str, typer.Argument(metavar="KEY", help="Key of a course or library.", autocompletion=course_keys)
]
Usage = Annotated[str, typer.Argument(metavar="USAGE_KEY", help="Key of a block.", autocompletion=block_keys)]
VersionName = Annotated[
    str,
    typer.Argument(
        metavar="VERSION", help="Id of a version, a tag, or a branch: its head.", autocompletion=branches
    ),
]
Author = Annotated[str, typer.Option(help="Who does it: a user id, or on our own databases any name.")]
Message = Annotated[str | None, typer.Option("--message", "-m", help="What is done and why, for the log.")]
Json = Annotated[bool, typer.Option("--json", help="Print exactly one JSON value.")]


@dataclass(slots=True)
class Settings:
    """Options that stand before the command."""

    url: str = DEFAULT_URL
    cache: str | None = None
    objects: str | None = None
    verbose: bool = False
    began: float = field(default_factory=time.perf_counter)
    _teller: Teller | None = None

    def observer(self, url: str) -> Observer | None:
        """Who is told of what is done with a store that is about to be opened."""
        if not self.verbose:
            return None
        if self._teller is None:
            self._teller = Teller(self.began)
        self._teller.opened(url)
        return self._teller.observe

    def end(self) -> None:
        """The command is over."""
        if self._teller is not None:
            self._teller.ended()

    @property
    def command(self) -> str:
        """How another command on the same store begins, ready for a shell."""
        words = ["modulestore"]
        if self.url != (os.environ.get(URL_VARIABLE) or DEFAULT_URL):
            words += ["--store", shlex.quote(self.url)]
        if self.cache != (os.environ.get(CACHE_VARIABLE) or None):
            words += ["--cache", shlex.quote(self.cache or "")]
        if self.objects != (os.environ.get(OBJECTS_VARIABLE) or None):
            words += ["--objects", shlex.quote(self.objects or "")]
        return " ".join(words)


def open_store(context: typer.Context, *, must_exist: bool = False) -> Store:
    """The store of ``--store``; a command that only looks does not take a missing file for an empty store."""
    settings: Settings = context.obj
    return connect(
        settings.url,
        must_exist=must_exist,
        cache=settings.cache,
        objects=settings.objects,
        observe=settings.observer(settings.url),
    )


def as_author(text: str) -> int | str:
    """What ``--author`` says: a user id if it is a number, else a name."""
    return int(text) if text.removeprefix("-").isdecimal() else text


def block_of(course: ContextKey, text: str) -> UsageKey:
    """The key of a block of this course.

    Raises:
        InvalidInput: it is no key of a block, or of a block of another course.
    """
    usage = as_usage_key(text)
    there = usage.course
    # Keys of versions say no course, and old-style keys of blocks no run.
    named = (there.org, there.course, there.run or course.run)
    if None not in (there.org, course.org) and named != (course.org, course.course, course.run):
        raise InvalidInput(f"{text} is no block of {course}", hint="give a block of this course")
    return usage.map_into(course)


def field_and_value(option: str, text: str, example: str) -> tuple[str, Any]:
    """What an option that takes ``FIELD=JSON`` says.

    Raises:
        InvalidInput: the text is no field with a JSON value.
    """
    name, equals, value = text.partition("=")
    try:
        if name and equals:
            return name, json.loads(value)
    except (ValueError, RecursionError):
        pass
    raise InvalidInput(f"{option} {text!r} is not FIELD=JSON", hint=f"for example {example}")
