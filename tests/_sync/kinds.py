"""What tests of the store run on. Written by hand, as its asynchronous twin is."""

from __future__ import annotations

KINDS = ("sqlite", "mongodb-format-1")
"""Each database, and each format, once: all else is generated from what is tried on every combination."""
