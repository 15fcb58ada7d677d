"""How an error ends the command."""

from __future__ import annotations

import errno
import json
import sys
import traceback
from typing import Any, Final

import typer
from rich.text import Text

from modulestore.cli.commands import WrongUsage
from modulestore.cli.conflict_view import conflict_json, conflict_lines
from modulestore.cli.output import as_json_value, is_narrow
from modulestore.cli.terminal import console, one_line, print_lines, room_on, styled, wrapped
from modulestore.errors import (
    Conflict,
    EditConflict,
    InvalidInput,
    InvalidKey,
    ModuleStoreError,
    NotFound,
    ProblemsFound,
    StorageError,
    StorageFull,
)
from modulestore.model.plain import Problem

__all__ = ["exit_code", "from_system", "report_failure"]

_EXIT_CODES: tuple[tuple[type[Exception], int], ...] = (
    (InvalidInput, 2),
    (NotFound, 3),
    (Conflict, 4),
    (StorageError, 5),
    (ProblemsFound, 6),
)
_KEYS: Final = "`modulestore courses` lists the keys of courses, `modulestore blocks KEY` those of blocks"
_CLIPPED: Final = 82  # cells of a line with a value
_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def exit_code(error: Exception) -> int:
    """The exit code that this error means."""
    if isinstance(error, typer.TyperException):
        return error.exit_code
    return next((code for kind, code in _EXIT_CODES if isinstance(error, kind)), 1)


def from_system(error: OSError) -> ModuleStoreError:
    """What the operating system says of a file that somebody named, as an error of ours."""
    place = "standard output" if error.filename is None else str(error.filename)
    said = error.strerror or str(error)
    if error.errno in _FULL:
        return StorageFull(f"no room is left: {said}", place=place, hint="free some space, then try again")
    if isinstance(error, FileNotFoundError):
        return NotFound("there is no such file or folder", place=place, hint="check the path")
    return InvalidInput(f"cannot be used: {said}", place=place, hint="check the path, and who may use it")


def report_failure(
    error: Exception,
    command: str,
    *,
    program: str = "modulestore",
    as_json: bool = False,
    verbose: bool = False,
) -> None:
    """Say on standard error what went wrong: one line and what to do next, or one JSON value.

    Args:
        command: how a command on the same store begins.
        program: what it happened in.
        verbose: say also where in the program it was that something happened which nobody foresaw.
    """
    if isinstance(error, typer.TyperException) and error.format_message().startswith("Usage:"):
        # A group of commands without a command: its help.
        print(error.format_message(), file=sys.stderr)
        return
    if verbose and not isinstance(error, ModuleStoreError | typer.TyperException):
        traceback.print_exception(error)
    details = _details(error, command)
    if as_json:
        text = json.dumps({"error": as_json_value(details)}, ensure_ascii=is_narrow(sys.stderr))
        print(text, file=sys.stderr)
        return
    place = f"{details['place']}: " if details["place"] else ""
    _print_first(f"{program}: {place}{details['message']}")
    rest: list[str] = []
    if isinstance(error, ProblemsFound):
        rest += [f"  {_problem(problem)}" for problem in error.problems]
    if isinstance(error, EditConflict):
        # Whole pages may stand against each other: `conflicts show` has all of them.
        rest += conflict_lines(error.conflict, command, room_on(sys.stderr) or _CLIPPED)
    elif details["hint"]:
        rest.append(f"  {details['hint']}")
    print_lines(map(one_line, rest), stream=sys.stderr)


def _print_first(line: str) -> None:
    out = console(sys.stderr)
    for number, part in enumerate(wrapped(one_line(line), room_on(sys.stderr), 2)):
        text = Text(part)
        if number == 0:
            text.stylize("bold red", 0, part.index(":") + 1)
        styled(out, text)


def _problem(problem: object) -> str:
    return (
        f"{problem.place}: {problem.message} ({problem.action})"
        if isinstance(problem, Problem)
        else str(problem)
    )


def _details(error: Exception, command: str) -> dict[str, Any]:
    if isinstance(error, typer.TyperException):
        return _usage(error)
    if not isinstance(error, ModuleStoreError):
        return {
            "type": type(error).__name__,
            "message": f"unexpected failure: {type(error).__name__}: {error}",
            "place": None,
            "hint": "this should not happen: please report it, with what --verbose says of it",
        }
    hint = error.hint or (_KEYS if isinstance(error, InvalidKey) else None)
    details: dict[str, Any] = {
        "type": type(error).__name__,
        "message": error.message,
        "place": error.place,
        # Hints name commands, which are to work as they are.
        "hint": hint and hint.replace("`modulestore ", f"`{command} "),
    }
    if isinstance(error, ProblemsFound):
        details["problems"] = error.problems
    if isinstance(error, EditConflict):
        details["conflict"] = conflict_json(error.conflict)
        details["hint"] = f"`{command} conflicts resolve {error.conflict.id}` decides; see its --help"
    return details


def _usage(error: typer.TyperException) -> dict[str, Any]:
    """What is said of a command line that makes no sense."""
    context: typer.Context | None = getattr(error, "ctx", None)
    path = "modulestore" if context is None else context.command_path
    message = " ".join(error.format_message().split()).removesuffix(".")
    hint = f"`{path} --help` shows how it is used"
    if isinstance(error, WrongUsage):
        hint = error.hint
    elif (option := getattr(error, "option_name", None)) and hasattr(error, "possibilities"):
        message = f"there is no option {option}"
        if context is not None and any(option in param.opts for param in context.find_root().command.params):
            hint = f"{option} stands before the command: modulestore {option} … {context.info_name} …"
        elif any(option in param.opts for param in _params_of_commands(context)):
            hint = f"{option} stands after the command: {path} COMMAND … {option}"
        elif error.possibilities:
            hint = f"did you mean {' or '.join(sorted(error.possibilities))}? {hint}"
    return {
        "type": "UsageError",
        "message": message[:1].lower() + message[1:],
        "place": None,
        "hint": hint,
    }


def _params_of_commands(context: typer.Context | None) -> list[Any]:
    """Arguments and options of all commands of a group."""
    commands = {} if context is None else getattr(context.command, "commands", {})
    return [param for command in commands.values() for param in command.params]
