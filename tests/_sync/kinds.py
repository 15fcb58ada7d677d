"""What tests of the store run on. Written by hand, as its asynchronous twin is."""

from __future__ import annotations

KINDS = ("sqlite", "mongodb-format-1")
"""Each database, and each format, once: the code is generated from what is tried on the others too."""
