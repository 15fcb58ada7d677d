"""Commands between draft and published: ``changes``, ``publish``, ``unpublish``, ``discard``."""

from __future__ import annotations

from typing import Annotated

import typer

from modulestore import Store
from modulestore.cli.completing import block_keys
from modulestore.cli.effects import effects_of, previewed, report
from modulestore.cli.output import print_json
from modulestore.cli.settings import Author, Json, Key, Message, Usage, as_author, block_of, open_store
from modulestore.cli.tables import Column, print_table
from modulestore.keys import as_course_key
from modulestore.model.branches import DRAFT, PUBLISHED
from modulestore.model.commit import Commit

__all__ = ["changes", "discard", "publish", "unpublish"]


def changes(context: typer.Context, key: Key, json: Json = False) -> None:
    """List what differs between the draft of a course and what learners see.

    Examples:
        modulestore changes course-v1:Example+MS101+2026
    """
    with open_store(context, must_exist=True) as store:
        found = [(as_course_key(key).bare.usage(*block), how) for block, how in store.changes(key).items()]
    if json:
        print_json([{"key": usage, "change": how.value} for usage, how in found])
        return
    if not found:
        print("everything is published")
        return
    print_table([Column(style="yellow"), Column()], [(how.value, str(usage)) for usage, how in found])


def publish(
    context: typer.Context,
    key: Key,
    usage_key: Annotated[
        str | None,
        typer.Argument(
            metavar="USAGE_KEY",
            help="Only this block, with what is below it.",
            autocompletion=block_keys,
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing; say what would be.")] = False,
    message: Message = None,
    author: Author = "-1",
    json: Json = False,
) -> None:
    """Let learners see what the draft has: all of it, or one block with what is below it.

    Examples:
        modulestore publish course-v1:Example+MS101+2026 --dry-run
        modulestore publish course-v1:Example+MS101+2026 \\
          block-v1:Example+MS101+2026+type@vertical+block@a-walk-at-night
    """
    course = as_course_key(key).bare
    block = None if usage_key is None else block_of(course, usage_key)
    with open_store(context, must_exist=True) as store:
        if dry_run:
            effects = previewed(course, store.publish_preview(course, block))
            report("would publish", effects, None, json)
            return
        commit = store.publish(course, block, author=as_author(author), message=message)
        _done(store, "published", commit, PUBLISHED, json)


def unpublish(
    context: typer.Context,
    usage_key: Usage,
    message: Message = None,
    author: Author = "-1",
    json: Json = False,
) -> None:
    """Let learners no longer see a block and what is below it; the draft stays.

    Examples:
        modulestore unpublish block-v1:Example+MS101+2026+type@vertical+block@welcome
    """
    with open_store(context, must_exist=True) as store:
        commit = store.unpublish(usage_key, author=as_author(author), message=message)
        _done(store, "unpublished", commit, PUBLISHED, json)


def discard(
    context: typer.Context,
    usage_key: Usage,
    message: Message = None,
    author: Author = "-1",
    json: Json = False,
) -> None:
    """Take back what the draft of a block, and of what is below it, has that is not published.

    Examples:
        modulestore discard block-v1:Example+MS101+2026+type@vertical+block@welcome
    """
    with open_store(context, must_exist=True) as store:
        commit = store.discard(usage_key, author=as_author(author), message=message)
        _done(store, "discarded", commit, DRAFT, json)


def _done(store: Store, what: str, commit: Commit, branch: str, json: bool) -> None:
    effects = effects_of(store, commit, branch)
    report(what, effects, commit.heads[branch], json, changed=branch in commit.moves)
