"""How an error ends the command."""

from __future__ import annotations

import json
import sys
from typing import Any

import typer

from modulestore.cli.conflict_view import conflict_json, conflict_lines
from modulestore.cli.output import as_json_value
from modulestore.errors import (
    Conflict,
    EditConflict,
    InvalidInput,
    ModuleStoreError,
    NotFound,
    ProblemsFound,
    StorageError,
)

__all__ = ["exit_code", "report_failure"]

_EXIT_CODES: tuple[tuple[type[Exception], int], ...] = (
    (InvalidInput, 2),
    (NotFound, 3),
    (Conflict, 4),
    (StorageError, 5),
    (ProblemsFound, 6),
)


def exit_code(error: Exception) -> int:
    """The exit code that this error means."""
    if isinstance(error, typer.TyperException):
        return error.exit_code
    return next((code for kind, code in _EXIT_CODES if isinstance(error, kind)), 1)


def report_failure(error: ModuleStoreError | typer.TyperException, command: str, *, as_json: bool) -> None:
    """Say on standard error what went wrong: one line and what to do next, or one JSON value.

    Args:
        command: how a command on the same store begins.
    """
    if isinstance(error, typer.TyperException) and error.format_message().startswith("Usage:"):
        # A group of commands without a command: its help.
        print(error.format_message(), file=sys.stderr)
        return
    if isinstance(error, ModuleStoreError):
        details: dict[str, Any] = {
            "type": type(error).__name__,
            "message": error.message,
            "place": error.place,
            "hint": error.hint,
        }
        if isinstance(error, ProblemsFound):
            details["problems"] = error.problems
        if isinstance(error, EditConflict):
            details["conflict"] = conflict_json(error.conflict)
            details["hint"] = f"`{command} conflicts resolve {error.conflict.id}` decides; see its --help"
    else:
        hint = "`modulestore --help` lists commands and options"
        details = {"type": "UsageError", "message": error.format_message(), "place": None, "hint": hint}
    if as_json:
        print(json.dumps({"error": as_json_value(details)}, ensure_ascii=False), file=sys.stderr)
        return
    place = f"{details['place']}: " if details["place"] else ""
    print(f"modulestore: {place}{details['message']}", file=sys.stderr)
    if isinstance(error, ProblemsFound):
        for problem in error.problems:
            print(f"  {problem}", file=sys.stderr)
    if isinstance(error, EditConflict):
        print(*conflict_lines(error.conflict, command), sep="\n", file=sys.stderr)
        return
    if details["hint"]:
        print(f"  {details['hint']}", file=sys.stderr)
