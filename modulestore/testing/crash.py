"""What a process that is killed looks like from inside a test."""

from __future__ import annotations

__all__ = ["Crash"]


class Crash(BaseException):
    """The process ends here. No ``except Exception`` stops it, as none would stop a kill."""
