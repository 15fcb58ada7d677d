"""The hook: observers are plain functions, and nothing that they do wrong reaches those whom they observe."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import TypeAlias

from modulestore.observing.events import Event

__all__ = ["Observer", "fan_out"]

Observer: TypeAlias = Callable[[Event], object]
"""Called with every event, after what it tells of. It is never awaited, by asynchronous stores neither, and
whoever works with the store waits for it: it must be quick, and must not use the store. It may be called from
several threads at once.
"""

_log = logging.getLogger("modulestore.observing")


def fan_out(*observers: Observer) -> Observer:
    """One observer that calls all of these, in this order. It never raises: an exception of an observer is
    logged, the first time, and keeps nothing from the others.
    """
    if len(observers) == 1 and isinstance(observers[0], _FanOut):
        return observers[0]
    return _FanOut(observers)


class _FanOut:
    def __init__(self, observers: tuple[Observer, ...]) -> None:
        self._observers = observers
        self._failed: set[int] = set()

    def __call__(self, event: Event) -> None:
        for number, observer in enumerate(self._observers):
            try:
                observer(event)
            except Exception:
                self._complain(number)

    def _complain(self, number: int) -> None:
        if number in self._failed:
            return
        self._failed.add(number)
        with suppress(Exception):  # what handles logs may be broken too
            _log.exception(
                "the observer %r raised; its further exceptions are dropped", self._observers[number]
            )
