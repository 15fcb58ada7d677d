"""Whether somebody who has not answered is asked again: not for a while, and then by one first."""

from __future__ import annotations

from threading import Lock

__all__ = ["Circuit"]

_FAILURES = 2


class Circuit:
    """Opens after two failures in a row: then nobody asks for ``pause`` seconds, and after that one first.

    What can be left out is left out after a single failure already: who has just waited for an answer in vain
    need not wait again to offer something.
    """

    def __init__(self, pause: float) -> None:
        self._pause = pause
        self._failures = 0
        self._until = 0.0
        self._lock = Lock()

    def is_open(self, now: float, *, dispensable: bool = False) -> bool:
        """Whether asking now is useless."""
        with self._lock:
            return self._is_open(now, dispensable)

    def enter(self, now: float, *, dispensable: bool = False) -> bool:
        """Whether the caller may ask now. If the circuit was open until now, this one may and others wait."""
        with self._lock:
            if self._is_open(now, dispensable):
                return False
            if self._failures >= _FAILURES:
                self._until = now + self._pause
            return True

    def succeeded(self) -> None:
        """There was an answer."""
        with self._lock:
            self._failures = 0

    def failed(self, now: float) -> None:
        """There was none."""
        with self._lock:
            self._failures += 1
            self._until = now + self._pause

    def _is_open(self, now: float, dispensable: bool) -> bool:
        return self._failures >= (1 if dispensable else _FAILURES) and now < self._until
