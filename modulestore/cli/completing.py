"""What a shell offers where a value is to be typed: keys of courses and blocks, branches, types of blocks.

Keys come from the store that the command line names, which is read and never made. Whatever goes wrong, or
takes longer than people wait for it, nothing is offered and nothing is said.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import typer

from modulestore import Course, Store, connect
from modulestore.keys import ContextKey, LibraryKey, as_course_key
from modulestore.model.branches import DRAFT, STORED_NAMES
from modulestore.model.fields import BLOCK_TYPES

__all__ = [
    "block_keys",
    "block_types",
    "branches",
    "course_keys",
    "course_or_block_keys",
    "known_types",
]

_PATIENCE = 1.0  # seconds

Offer = Callable[[typer.Context, str], list[str]]


def branches() -> list[str]:
    """Names of branches."""
    return [*STORED_NAMES]


def _from_store(offer: Callable[[Store, dict[str, Any], str], Iterable[str]]) -> Offer:
    """An offer that is read from a store: of the store, of what the command line says already, and of what is
    begun.
    """

    def offered(context: typer.Context, incomplete: str) -> list[str]:
        with suppress(Exception, _TooLong), _patience():
            url: str = context.find_root().params["store"]
            with connect(url, must_exist=True) as store:
                return [
                    value
                    for value in offer(store, context.params, incomplete)
                    if value.startswith(incomplete)
                ]
        return []

    return offered


class _TooLong(BaseException):
    """Nobody waits any longer. No error that a driver would try again after."""


@contextmanager
def _patience() -> Iterator[None]:
    def stop(*_: object) -> None:
        raise _TooLong

    handler = signal.signal(signal.SIGALRM, stop)
    timer = signal.setitimer(signal.ITIMER_REAL, _PATIENCE)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, *timer)


@_from_store
def course_keys(store: Store, given: dict[str, Any], incomplete: str) -> Iterable[str]:
    """Keys of courses and libraries."""
    return map(str, store.course_keys())


@_from_store
def block_keys(store: Store, given: dict[str, Any], incomplete: str) -> Iterable[str]:
    """Keys of the blocks of the course that the command line names, or that the beginning of the key leaves
    over; while it leaves several, how their keys go on.
    """
    return _block_keys(store, given, incomplete)


@_from_store
def course_or_block_keys(store: Store, given: dict[str, Any], incomplete: str) -> Iterable[str]:
    """Either."""
    return [*map(str, store.course_keys()), *_block_keys(store, given, incomplete)]


@_from_store
def block_types(store: Store, given: dict[str, Any], incomplete: str) -> Iterable[str]:
    """Types of blocks in the course that the command line names."""
    return sorted(set(_opened(store, as_course_key(given["key"]), given).structure.types))


def known_types() -> list[str]:
    """Types of blocks that can be added."""
    return [*BLOCK_TYPES]


def _block_keys(store: Store, given: dict[str, Any], incomplete: str) -> Iterable[str]:
    named = given.get("key")
    courses = store.course_keys() if named is None else [as_course_key(named)]
    beginnings = {course: _beginning(course) for course in courses}
    possible = [
        course
        for course, beginning in beginnings.items()
        if beginning.startswith(incomplete) or incomplete.startswith(beginning)
    ]
    if len(possible) != 1:
        return [beginnings[course] for course in possible]
    return [str(block.key) for block in _opened(store, possible[0], given).blocks()]


def _beginning(course: ContextKey) -> str:
    """What the keys of all blocks of a course begin with."""
    return re.sub(r"type(\+block@|/)id$", "", str(course.usage("type", "id")))


def _opened(store: Store, course: ContextKey, given: dict[str, Any]) -> Course:
    """What the command will look at: what is read where it takes a branch, else what is edited."""
    edited = None if isinstance(course, LibraryKey) else DRAFT
    return store.open(course, branch=given.get("branch", edited))
