"""What callers of this package may have to handle."""

from __future__ import annotations

__all__ = ["ServerFailed", "ServerUnavailable"]


class ServerUnavailable(Exception):
    """The server cannot be had on this machine: `reason` says why, `how_to_enable` what to do about it."""

    def __init__(self, reason: str, how_to_enable: str) -> None:
        super().__init__(reason, how_to_enable)
        self.reason = reason
        self.how_to_enable = how_to_enable

    def __str__(self) -> str:
        return f"{self.reason} {self.how_to_enable}"


class ServerFailed(RuntimeError):
    """A server that is there did not start or do as it was told; the message has the end of its log."""
