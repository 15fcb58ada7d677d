"""What every command needs to know, and the store that it works with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from modulestore import Store, connect

__all__ = ["DEFAULT_URL", "URL_VARIABLE", "Json", "Settings", "open_store"]

URL_VARIABLE = "MODULESTORE_URL"
DEFAULT_URL = "sqlite:///modulestore.db"

Json = Annotated[bool, typer.Option("--json", help="Print exactly one JSON value.")]


@dataclass(frozen=True, slots=True)
class Settings:
    """Options that stand before the command."""

    url: str


def open_store(context: typer.Context, *, must_exist: bool = False) -> Store:
    """The store of ``--store``; a command that only looks does not take a missing file for an empty store."""
    settings: Settings = context.obj
    return connect(settings.url, must_exist=must_exist)
