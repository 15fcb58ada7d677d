"""Commands that go back: ``restore``, ``undo``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

import typer

from modulestore import Store, UsageKey
from modulestore.cli.effects import Effects, effects_between, effects_of, report
from modulestore.cli.settings import Author, Json, Key, Message, VersionName, as_author, block_of, open_store
from modulestore.formats.v1 import new_version_id
from modulestore.keys import ContextKey, LibraryKey, as_course_key
from modulestore.model import restoring
from modulestore.model.branches import DRAFT, LIBRARY
from modulestore.model.commit import Commit
from modulestore.model.revision import Revision

__all__ = ["restore", "undo"]


def restore(
    context: typer.Context,
    key: Key,
    version: VersionName,
    block: Annotated[
        str | None,
        typer.Option("--block", metavar="USAGE_KEY", help="Only this block, with what is below it."),
    ] = None,
    to: Annotated[
        Literal["draft", "both"], typer.Option("--to", help="both: what is restored is published as well.")
    ] = "draft",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Write nothing; say what the draft would become.")
    ] = False,
    message: Message = None,
    author: Author = "-1",
    json: Json = False,
) -> None:
    """Make a course, or one block of it, again what it was in a version: as a new version.

    \b
    modulestore restore course-v1:Example+MS101+2026 2026-spring --dry-run
    modulestore restore course-v1:Example+MS101+2026 published \\
      --block block-v1:Example+MS101+2026+type@html+block@columns
    """
    course = as_course_key(key).bare
    with open_store(context, must_exist=True) as store:
        usage = None if block is None else block_of(course, block)
        if dry_run:
            effects = _preview(store, course, version, usage)
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

    \b
    modulestore undo course-v1:Example+MS101+2026 665f1c0e9d3b2a0012345678
    """
    course = as_course_key(key).bare
    with open_store(context, must_exist=True) as store:
        commit = store.undo(course, version, author=as_author(author), message=message)
        _done(store, "undone", commit, json)


def _preview(store: Store, course: ContextKey, version: str, block: UsageKey | None) -> Effects:
    """What `restore` would do to the draft."""
    key = None if block is None else block.block_key
    head = store.open(course, branch=_branch(course))
    base = head.structure
    target = store.open(course, version=store.version(course, version).version).structure
    ids = iter(new_version_id, None)
    revision = Revision(
        base, base.header.root, version=next(ids), author=None, now=datetime.now(UTC), ids=ids
    )
    restoring.restore(revision, target, key)
    return Effects(head.key) if revision.is_empty else effects_between(head.key, base, revision.structure())


def _branch(key: ContextKey) -> str:
    return LIBRARY if isinstance(key, LibraryKey) else DRAFT


def _done(store: Store, what: str, commit: Commit, json: bool) -> None:
    branch = _branch(commit.key)
    effects = effects_of(store, commit, branch)
    report(what, effects, commit.heads[branch], json, changed=bool(commit.moves))
