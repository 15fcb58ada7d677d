"""``conflicts``: edits that somebody else's stood against, and what becomes of them."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from modulestore import Store
from modulestore.cli.completing import course_keys
from modulestore.cli.conflict_view import conflict_json, conflict_lines
from modulestore.cli.output import counted, print_json, since
from modulestore.cli.settings import Json, Settings, open_store
from modulestore.cli.tables import Column, print_table
from modulestore.cli.terminal import print_lines, room_on
from modulestore.errors import InvalidInput
from modulestore.keys import LibraryKey
from modulestore.model.branches import DRAFT, LIBRARY

__all__ = ["conflicts"]


def conflicts(
    context: typer.Context,
    what: Annotated[
        str,
        typer.Argument(
            metavar="ACTION",
            help="list, show or resolve; list may be left out.",
            autocompletion=lambda: [*_ACTIONS],
        ),
    ],
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="KEY|ID",
            help="list: a course or library; else a conflict.",
            autocompletion=course_keys,
        ),
    ] = None,
    ours: Annotated[
        list[str] | None, typer.Option(metavar="ITEM", help="resolve: what the kept edit says is taken.")
    ] = None,
    theirs: Annotated[
        list[str] | None, typer.Option(metavar="ITEM", help="resolve: what the others say stays.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="resolve: the kept edit in all items not named otherwise.")
    ] = False,
    abort: Annotated[bool, typer.Option("--abort", help="resolve: give the kept edit up.")] = False,
    json: Json = False,
) -> None:
    """List the conflicts of a course that wait for a decision, show one, or decide it.

    An edit that cannot be merged is kept under an id until it is decided, in any process. Deciding merges it
    again with what the course is then; if that raises new questions, they take the place of the old ones.

    Examples:
        modulestore conflicts list course-v1:Example+MS101+2026
        modulestore conflicts show 665f1c0e9d3b2a0012345678
        modulestore conflicts resolve 665f1c0e9d3b2a0012345678 --ours 1f2e3d4c5b6a --theirs 6a5b4c3d2e1f
    """
    if name is None and what not in _ACTIONS:
        what, name = "list", what
    if name is None:
        raise InvalidInput(f"conflicts {what} needs {'a KEY' if what == 'list' else 'an ID'}", hint=_HINT)
    choices = {**dict.fromkeys(ours or (), "mine"), **dict.fromkeys(theirs or (), "theirs")}
    if what != "resolve" and (choices or overwrite or abort):
        raise InvalidInput(f"conflicts {what} decides nothing", hint=_HINT)
    if both := set(ours or ()) & set(theirs or ()):
        raise InvalidInput(f"item {min(both)} cannot be both ours and theirs", hint=_HINT)
    settings: Settings = context.obj
    with open_store(context, must_exist=True) as store:
        match what:
            case "list":
                _list(store, name, json)
            case "show":
                _show(store, name, settings.command, json)
            case "resolve":
                _resolve(store, name, choices, overwrite, abort, json)
            case _:
                raise InvalidInput(f"{what!r} is none of list, show, resolve", hint=_HINT)


_ACTIONS = ("list", "show", "resolve")
_HINT = "`modulestore conflicts --help` shows how it is used"


def _list(store: Store, key: str, json: bool) -> None:
    found = store.conflicts(key)
    if json:
        print_json([conflict_json(conflict) for conflict in found])
        return
    if not found:
        print("nothing to decide")
        return
    rows = [
        (
            str(conflict.id),
            since(conflict.on),
            str(conflict.author),
            counted(len(conflict.items), "item"),
            conflict.message or "",
        )
        for conflict in found
    ]
    columns = Column(style="yellow", is_key=True), Column(), Column(least=8), Column(), Column(least=12)
    print_table(columns, rows)


def _show(store: Store, conflict_id: str, command: str, json: bool) -> None:
    conflict = store.conflict(conflict_id)
    if json:
        print_json(conflict_json(conflict))
        return
    print(conflict.key)
    print_lines(conflict_lines(conflict, command, room_on(sys.stdout)))


def _resolve(
    store: Store, conflict_id: str, choices: dict[str, str], overwrite: bool, abort: bool, json: bool
) -> None:
    commit = store.resolve(conflict_id, choices=choices, overwrite=overwrite, abort=abort)
    head = None
    if commit is not None:
        head = commit.heads[LIBRARY if isinstance(commit.key, LibraryKey) else DRAFT]
    if json:
        print_json({"id": conflict_id, "version": head})
        return
    print(f"conflict {conflict_id} is {'given up' if head is None else 'decided'}")
    if head is not None:
        print(f"version {head}")
