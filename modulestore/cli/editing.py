"""``edit``: changes to a course or library from the shell, as one new version."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

import typer

from modulestore import UsageKey, VersionId
from modulestore._sync.editing import EditSession
from modulestore.cli.completing import block_keys, known_types
from modulestore.cli.ordered import Given, in_order
from modulestore.cli.output import counted, print_json
from modulestore.cli.settings import (
    Author,
    Json,
    Key,
    Message,
    as_author,
    block_of,
    field_and_value,
    open_store,
)
from modulestore.errors import InvalidInput
from modulestore.model.fields import stored_value

__all__ = ["edit"]


def edit(
    context: typer.Context,
    key: Key,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="USAGE_KEY FIELD=JSON",
            help="Set a field; content fields too.",
            autocompletion=block_keys,
        ),
    ] = None,
    unset: Annotated[
        list[str] | None,
        typer.Option(
            metavar="USAGE_KEY FIELD",
            help="Let a field be inherited, or its default, again.",
            autocompletion=block_keys,
        ),
    ] = None,
    add: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TYPE PARENT TITLE",
            help="Add a block, last in its parent.",
            autocompletion=known_types,
        ),
    ] = None,
    move: Annotated[
        list[str] | None,
        typer.Option(
            metavar="USAGE_KEY PARENT INDEX",
            help="Move a block; the first place is 0.",
            autocompletion=block_keys,
        ),
    ] = None,
    delete: Annotated[
        list[str] | None,
        typer.Option(
            metavar="USAGE_KEY", help="Delete a block with what is below it.", autocompletion=block_keys
        ),
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(metavar="VERSION", help="The version that you saw, where others may have edited since."),
    ] = None,
    on_conflict: Annotated[
        Literal["ask", "abort", "overwrite"],
        typer.Option(
            help="Where somebody else changed the same thing since: keep the edit and ask (exit code 4); or "
            "write nothing if there is any newer version; or let this edit win."
        ),
    ] = "ask",
    message: Message = None,
    author: Author = "-1",
    json: Json = False,
) -> None:
    """Edit a course or library: all edits, in the order given, make one new version of the draft.

    Options that say what to do can be repeated. What others committed since --base is merged. A block that
    this command adds is called @1, @2 … in what follows.

    Examples:
        modulestore edit course-v1:Example+MS101+2026 -m "Week 1" \\
          --add vertical block-v1:Example+MS101+2026+type@sequential+block@two-bulges "Week 1" \\
          --add html @1 "Welcome" --set @2 'data="<p>Hello</p>"'
    """
    wishes = in_order(set_, unset, add, move, delete)
    if not wishes:
        raise InvalidInput("nothing to edit", hint="say what: --set, --unset, --add, --move or --delete")
    with open_store(context, must_exist=True) as store:
        session = store.edit(
            key,
            author=as_author(author),
            base=None if base is None else VersionId.parse(base),
            message=message,
            on_conflict=on_conflict,
        )
        with session:
            work = _Work(session)
            for wish in wishes:
                work.do(wish)
    if json:
        print_json(
            {
                "version": session.version,
                "base": session.course.version,
                "merged": session.merged,
                "added": work.added,
            }
        )
        return
    if session.version == session.course.version:
        print(f"{session.course.key} is so already: nothing to do")
        return
    for usage in work.added:
        print(f"added {usage}")
    others = ", merged with what others did since" if session.merged else ""
    print(f"{session.course.key}: {counted(len(wishes), 'edit')}{others}")
    print(f"version {session.version}")


class _Work:
    """What the options say, done in a session.

    Attributes:
        added: keys of new blocks.
    """

    def __init__(self, session: EditSession) -> None:
        self._session = session
        self._course = session.course
        self.added: list[UsageKey] = []
        self._how: dict[str, Callable[..., None]] = {
            "--set": self._set,
            "--unset": self._unset,
            "--add": self._add,
            "--move": self._move,
            "--delete": self._delete,
        }

    def do(self, wish: Given) -> None:
        """Do what one option says.

        Raises:
            InvalidInput, BlockNotFound: it cannot be done.
        """
        self._how[wish.option](*wish.words)

    def _set(self, block: str, assignment: str) -> None:
        usage = self._usage(block)
        name, value = field_and_value("--set", assignment, """'weight=2.0', or 'display_name="Week 1"'""")
        self._session.update(usage, **{name: stored_value(usage, name, value)})

    def _unset(self, block: str, name: str) -> None:
        self._session.unset(self._usage(block), name)

    def _add(self, block_type: str, parent: str, title: str) -> None:
        above = None if parent == "-" else self._usage(parent)
        self.added.append(self._session.add(block_type, above, display_name=title))

    def _move(self, block: str, parent: str, index: str) -> None:
        if not index.isdecimal():
            raise InvalidInput(f"{index!r} is no place among children", hint="the first place is 0")
        self._session.move(self._usage(block), self._usage(parent), int(index))

    def _delete(self, block: str) -> None:
        self._session.delete(self._usage(block))

    def _usage(self, text: str) -> UsageKey:
        if text.startswith("@"):
            at = int(text[1:]) if text[1:].isdecimal() else 0
            if not 0 < at <= len(self.added):
                raise InvalidInput(
                    f"{text!r} is no block that was added before",
                    hint="@1 is the first block that this command adds",
                )
            return self.added[at - 1]
        return block_of(self._course.key, text)
