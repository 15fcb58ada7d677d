"""``upgrade``: the migration steps of the stored format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Annotated, Any

import typer

from modulestore import Conversion, DraftConversion, Problem, Store, connect
from modulestore.cli.output import counted, print_json, progress_bar
from modulestore.cli.settings import Author, Json, Settings, as_author, open_store
from modulestore.cli.terminal import print_lines
from modulestore.errors import InvalidInput
from modulestore.formats.structures import Schema
from modulestore.upkeep.draft_courses import ConvertedCourse
from modulestore.upkeep.steps import StepStatus

__all__ = ["upgrade"]

_PROBLEMS = 6


def upgrade(
    context: typer.Context,
    plan: Annotated[bool, typer.Option("--plan", help="Change nothing; say what would be done.")] = False,
    to_format: Annotated[
        int | None,
        typer.Option(
            "--format",
            min=1,
            max=2,
            help="Convert every version to this stored format: 1, the platform's; 2, our own.",
        ),
    ] = None,
    draft_courses: Annotated[
        bool,
        typer.Option(
            "--draft-courses",
            help="Make the courses of the older store, one document per block, courses here.",
        ),
    ] = False,
    source: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="URL", help="With --draft-courses: the database that has the older store."
        ),
    ] = None,
    keys: Annotated[
        list[str] | None,
        typer.Option(
            "--key", metavar="OLD=NEW", help="With --draft-courses: another key for a course; repeatable."
        ),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only", metavar="OLD", help="With --draft-courses: this course and no other; repeatable."
        ),
    ] = None,
    author: Author = "-1",
    json: Json = False,
) -> int:
    """Bring an existing database up to date: make the indexes that it lacks, or convert what is in it.

    Without a conversion that is asked for, every migration step is listed, with what was done and why not
    more. Others may read and write meanwhile. Exit code 6 if something was left as it is or worked around.

    Examples:
        modulestore upgrade --plan
        modulestore upgrade --format 2
        modulestore upgrade --draft-courses --key Org/Course/Run=course-v1:Org+Course+Run
    """
    if not draft_courses and (source or keys or only):
        raise InvalidInput("--from, --key and --only go with --draft-courses")
    if draft_courses and to_format is not None:
        raise InvalidInput("--draft-courses and --format are two conversions", hint="do one after the other")
    if to_format is not None:
        return _convert(context, 1 if to_format == 1 else 2, plan, json)
    if draft_courses:
        pairs = dict(map(_pair, keys or ()))
        return _convert_courses(context, source, pairs, only or (), as_author(author), plan, json)
    with open_store(context) as store:
        done = {} if plan else {pending.step.name: pending.indexes for pending in store.upgrade()}
        steps = store.upgrade_steps()
    if json:
        print_json([_shown(_now(status, done)) for status in steps])
        return 0
    for status in steps:
        _print_step(_now(status, done), context.obj.command)
    return 0


def _now(status: StepStatus, done: Mapping[str, tuple[str, ...]]) -> StepStatus:
    """The step as it stands after those that were done, with the names of the indexes that were made."""
    made = done.get(status.step.name)
    if made is None:
        return status
    return replace(status, state="done", reason="what was missing was made", indexes=made)


def _shown(status: StepStatus) -> dict[str, Any]:
    step = status.step
    shown: dict[str, Any] = {
        "name": step.name,
        "what": step.what,
        "why": step.why,
        "kind": step.kind,
        "state": status.state,
        "reason": status.reason,
    }
    if step.kind == "indexes":
        shown["indexes"] = status.indexes
    if step.schema is not None:
        shown["format"] = step.schema
    if status.request is not None:
        shown["request"] = status.request
    return shown


def _print_step(status: StepStatus, command: str) -> None:
    step = status.step
    lines = [f"{status.state}: {step.name}: {step.what}", f"  {status.reason}"]
    lines += [f"  {name}" for name in status.indexes]
    if status.request is not None:
        lines += [f"  {step.why}", f"  {command} upgrade {status.request}"]
    print_lines(lines)


def _convert(context: typer.Context, schema: Schema, plan: bool, json: bool) -> int:
    with open_store(context, must_exist=True) as store, progress_bar() as progress:
        done = store.convert(schema, dry_run=plan, progress=progress)
    if json:
        print_json(done)
    else:
        _print_conversion(done, plan)
    return _PROBLEMS if done.left else 0


def _print_conversion(done: Conversion, plan: bool) -> None:
    what = "would convert" if plan else "converted"
    print(f"{what} {counted(done.converted, 'version')} to format {done.schema}", end="")
    if done.converted:
        print(f", {done.bytes_before:,} bytes to {done.bytes_after:,}", end="")
        print(f"; {done.deltas:,} of them as what changed" if done.deltas else "", end="")
    print(f"\n{done.already:,} had it already" if done.already else "")
    for left in done.left:
        print(f"left as it is: {left.version}: {left.reason}")


def _pair(text: str) -> tuple[str, str]:
    old, equals, new = text.partition("=")
    if not (old and equals and new):
        raise InvalidInput(
            f"--key {text!r} is not OLD=NEW", hint="for example Org/Course/Run=course-v1:Org+Course+Run"
        )
    return old, new


def _convert_courses(
    context: typer.Context,
    source: str | None,
    keys: dict[str, str],
    only: Sequence[str],
    author: int | str,
    plan: bool,
    json: bool,
) -> int:
    with ExitStack() as stack:
        store = stack.enter_context(open_store(context))
        other: Store | None = None
        if source is not None:
            settings: Settings = context.obj
            other = stack.enter_context(connect(source, must_exist=True, observe=settings.observer(source)))
        progress = stack.enter_context(progress_bar())
        done = store.convert_old_courses(
            source=other, keys=keys, only=only, author=author, dry_run=plan, progress=progress
        )
    if json:
        print_json(done)
    else:
        _print_courses(done)
    return 0 if done.flawless else _PROBLEMS


def _print_courses(done: DraftConversion) -> None:
    if not done.courses:
        print("there are no courses in the older store")
    for course in done.courses:
        print(f"{course.state}: {course.source}", end="")
        print("" if course.key is None or str(course.key) == course.source else f" as {course.key}", end="")
        print(f": {_amounts(course)}" if course.reason is None else f": {course.reason}")
        _print_problems(course.problems)
    if done.problems:
        print("with no course:")
        _print_problems(done.problems)


def _amounts(course: ConvertedCourse) -> str:
    if course.state == "already":
        return "its documents are as they were then"
    amounts = [counted(course.blocks, "block"), f"{course.detached} outside the tree"]
    amounts += [counted(course.drafts, "draft"), counted(course.definitions, "definition")]
    amounts += [counted(course.files, "file")] if course.files else []
    return ", ".join(amounts)


def _print_problems(problems: Sequence[Problem]) -> None:
    print_lines(f"  {problem.place}: {problem.message}: {problem.action}" for problem in problems)
