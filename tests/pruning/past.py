"""Somebody who worked long ago: a clock, and ids of that time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from modulestore.keys import VersionId

__all__ = ["long_ago"]

BEGIN = datetime(2024, 1, 1, tzinfo=UTC)


def long_ago() -> dict[str, Any]:
    """What a store is given for its clock and its ids; a second passes with each."""
    seconds = 0

    def now() -> datetime:
        nonlocal seconds
        seconds += 1
        return BEGIN + timedelta(seconds=seconds)

    def ids() -> Iterator[VersionId]:
        number = 0
        while True:
            number += 1
            yield VersionId(int(now().timestamp()).to_bytes(4, "big") + number.to_bytes(8, "big"))

    return {"now": now, "ids": ids()}
