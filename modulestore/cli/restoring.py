"""Commands that go back: ``restore``, ``undo``."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from modulestore import Store
from modulestore.cli.completing import block_keys
from modulestore.cli.effects import Effects, effects_of, previewed, report
from modulestore.cli.output import print_json
from modulestore.cli.settings import Author, Json, Key, Message, VersionName, as_author, block_of, open_store
from modulestore.keys import ContextKey, LibraryKey, as_course_key
from modulestore.model.branches import DRAFT, LIBRARY, PUBLISHED
from modulestore.model.commit import Commit

__all__ = ["restore", "undo"]


def restore(
    context: typer.Context,
    key: Key,
    version: VersionName,
    block: Annotated[
        str | None,
        typer.Option(
            "--block",
            metavar="USAGE_KEY",
            help="Only this block, with what is below it.",
            autocompletion=block_keys,
        ),
    ] = None,
    to: Annotated[
        Literal["draft", "both"], typer.Option("--to", help="both: what is restored is published as well.")
    ] = "draft",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing; say what would be.")] = False,
    message: Message = None,
    author: Author = "-1",
    json: Json = False,
) -> None:
    """Make a course, or one block of it, again what it was in a version: as a new version.

    Examples:
        modulestore restore course-v1:Example+MS101+2026 2026-spring --dry-run
        modulestore restore course-v1:Example+MS101+2026 published \\
          --block block-v1:Example+MS101+2026+type@html+block@columns
    """
    course = as_course_key(key).bare
    with open_store(context, must_exist=True) as store:
        usage = None if block is None else block_of(course, block)
        if dry_run:
            preview = store.restore_preview(course, version, block=usage, to=to)
            effects = previewed(course, preview[_branch(course)])
            if to == "both" and not isinstance(course, LibraryKey):
                _report_both(effects, previewed(course, preview.get(PUBLISHED)), json)
            else:
                report("would restore", effects, None, json)
            return
        commit = store.restore(course, version, block=usage, to=to, author=as_author(author), message=message)
        _done(store, "restored", commit, json)


def undo(
    context: typer.Context,
    key: Key,
    version: VersionName,
    message: Message = None,
    author: Author = "-1",
    json: Json = False,
) -> None:
    """Take back what one version did, and keep what was done since: as a new version.

    Examples:
        modulestore undo course-v1:Example+MS101+2026 665f1c0e9d3b2a0012345678
    """
    course = as_course_key(key).bare
    with open_store(context, must_exist=True) as store:
        commit = store.undo(course, version, author=as_author(author), message=message)
        _done(store, "undone", commit, json)


def _report_both(draft: Effects, published: Effects, json: bool) -> None:
    """Print what would become of both branches."""
    if json:
        print_json({"version": None, **draft.as_json(), PUBLISHED: published.as_json()})
        return
    if draft or not published:
        report("would restore", draft, None, json)
    if published:
        report("would publish", published, None, json)


def _branch(key: ContextKey) -> str:
    return LIBRARY if isinstance(key, LibraryKey) else DRAFT


def _done(store: Store, what: str, commit: Commit, json: bool) -> None:
    branch = _branch(commit.key)
    effects = effects_of(store, commit, branch)
    report(what, effects, commit.heads[branch], json, changed=bool(commit.moves))
