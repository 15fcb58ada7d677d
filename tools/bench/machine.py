"""What a run was made on."""

from __future__ import annotations

import os
import platform
import sqlite3

import lxml.etree
import pymongo

__all__ = ["machine"]


def machine(server: str) -> dict[str, str | int]:
    """Names and values for the head of a result."""
    return {
        "cores": os.cpu_count() or 0,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "pymongo": pymongo.version,
        "lxml": ".".join(map(str, lxml.etree.LXML_VERSION[:3])),
        "server": server,
    }
