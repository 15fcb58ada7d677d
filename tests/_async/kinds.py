"""What tests of the store run on: databases, with structures in a format."""

from __future__ import annotations

from tests.profiles import IS_STRESS

KINDS: tuple[str, ...] = ("sqlite", "mongodb", "sqlite-format-1")
"""Databases, with structures in a format; format 2 unless it says otherwise. The synchronous twin has the
fourth combination.
"""
if IS_STRESS:
    KINDS += ("mongodb-format-1",)
