"""What tests of the store run on: databases, with structures in a format."""

from __future__ import annotations

KINDS = ("sqlite", "mongodb", "sqlite-format-1", "mongodb-format-1")
"""Both databases, with structures in either format; format 2 unless it says otherwise."""
