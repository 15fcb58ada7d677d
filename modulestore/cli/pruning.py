"""``prune``: what nobody needs any more, planned, looked at, and deleted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from modulestore.cli.commands import Commands
from modulestore.cli.completing import course_keys
from modulestore.cli.heads import read_heads
from modulestore.cli.output import counted, print_json, progress_bar
from modulestore.cli.settings import Json, open_store
from modulestore.cli.terminal import print_lines
from modulestore.errors import InvalidInput
from modulestore.keys import VersionId, as_course_key
from modulestore.storage.plan_files import open_plan
from modulestore.upkeep.pruning.plan import PlanHeader, PlanSummary, read_plan, reasons_in
from modulestore.upkeep.pruning.policy import Policy, Retention, parse_duration, shown_duration
from modulestore.upkeep.pruning.reasons import NOT_KEPT
from modulestore.upkeep.sizes import shown_bytes

__all__ = ["prune"]

prune = Commands(
    help="""Delete versions that nobody needs any more: make a plan, look at it, apply it.

    Examples:
        modulestore prune plan --keep 10 --within 90d -o plan.jsonl
        modulestore prune show plan.jsonl
        modulestore prune apply plan.jsonl
    """
)

_PlanFile = Annotated[Path, typer.Argument(metavar="PLAN", help="File with a plan.")]
_Keep = Annotated[
    int | None, typer.Option(metavar="N", help="Keep the newest N versions of every branch; 1: heads alone.")
]
_Within = Annotated[
    str | None, typer.Option(metavar="D", help="Keep every version that was a head within this time: 90d.")
]
_For = Annotated[
    list[str] | None,
    typer.Option(
        "--for",
        metavar="KEY=POLICY",
        help="Another policy for one course: KEY=keep:10,within:1y. Repeatable.",
    ),
]
_MinAge = Annotated[str, typer.Option(metavar="D", help="Delete nothing that was needed less than this ago.")]
_DeletedAfter = Annotated[
    str | None,
    typer.Option(metavar="D", help="Give up deleted courses after this time: no undelete any more."),
]
_Heads = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Heads of a platform's SQL index: CSV or JSON of course_id, draft_version, published_version, "
        "library_version.",
    ),
]
_NoSqlIndex = Annotated[
    bool, typer.Option("--no-sql-index", help="No platform keeps heads of this database in SQL.")
]
_IgnoreMissing = Annotated[
    bool, typer.Option("--ignore-missing", help="Go on in spite of references that lead nowhere.")
]


@prune.command("plan")
def plan(
    context: typer.Context,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="PLAN", help="Where the plan goes.")],
    keep: _Keep = None,
    within: _Within = None,
    course_policy: _For = None,
    min_age: _MinAge = "24h",
    deleted_after: _DeletedAfter = None,
    course: Annotated[
        str | None,
        typer.Option(
            metavar="KEY",
            help="Plan for the versions of one course or library only.",
            autocompletion=course_keys,
        ),
    ] = None,
    only_structures: Annotated[
        bool, typer.Option("--only-structures", help="Leave content and files alone.")
    ] = False,
    heads: _Heads = None,
    no_sql_index: _NoSqlIndex = False,
    ignore_missing: _IgnoreMissing = False,
    json: Json = False,
) -> None:
    """Write down which versions are kept, and why, and which would go. Changes nothing in the store.

    Kept are, whatever the policy: heads, the first version of every history, tags, kept conflicts, deleted
    courses, versions of libraries that courses stay with, and what kept versions are stored on.

    Examples:
        modulestore prune plan --keep 10 --within 90d -o plan.jsonl
        modulestore prune plan --keep 3 --for course-v1:Example+MS101+2026=keep:50 -o plan.jsonl
    """
    policy = _policy(keep, within, course_policy, min_age, deleted_after)
    with open_store(context, must_exist=True) as store, progress_bar() as progress:
        summary = store.plan_pruning(
            policy,
            out,
            course=course,
            parts=() if only_structures else ("definitions", "files"),
            sql_heads=read_heads(heads),
            no_sql_index=no_sql_index,
            ignore_missing=ignore_missing,
            progress=progress,
        )
    if json:
        print_json({"plan": str(out), **_summary_json(summary)})
        return
    _print_summary(summary)
    print(f"look at it:  {context.obj.command} prune show {out}")
    print(f"do it:       {context.obj.command} prune apply {out}")


@prune.command("show")
def show(context: typer.Context, plan_file: _PlanFile, json: Json = False) -> None:
    """What a plan comes to: of which policy, what is kept for which reasons, and what goes.

    The plan itself is a file of JSON lines: look there for single versions, or ask `prune why`.

    Examples:
        modulestore prune show plan.jsonl
    """
    with open_plan(plan_file) as lines:
        read = read_plan(lines, str(plan_file))
    if json:
        print_json(
            {
                "made_on": read.header.made_on,
                "policy": read.header.policy.as_json(),
                "course": read.header.course,
                **_summary_json(read.summary),
            }
        )
        return
    _print_header(read.header)
    _print_summary(read.summary)


@prune.command("why")
def why(
    context: typer.Context,
    version: Annotated[str, typer.Argument(metavar="VERSION", help="Id of a version.")],
    plan_file: Annotated[
        Path | None, typer.Option("--plan", metavar="PLAN", help="As this plan has it.")
    ] = None,
    keep: _Keep = None,
    within: _Within = None,
    min_age: _MinAge = "24h",
    heads: _Heads = None,
    json: Json = False,
) -> None:
    """Why a version is kept, or that it goes: in a plan, or by what refers to it at this moment.

    Without a plan the policy is `--keep` and `--within`; without these, heads alone are kept.

    Examples:
        modulestore prune why 665f1c0e9d3b2a0012345678 --plan plan.jsonl
        modulestore prune why 665f1c0e9d3b2a0012345678 --keep 10
    """
    wanted = VersionId.parse(version)
    reasons: Sequence[str]
    if plan_file is not None:
        with open_plan(plan_file) as lines:
            reasons = reasons_in(lines, wanted, str(plan_file))
    else:
        policy = _policy(keep if keep or within else 1, within, None, min_age, None)
        with open_store(context, must_exist=True) as store, progress_bar() as progress:
            reasons = store.reasons_to_keep(wanted, policy, sql_heads=read_heads(heads), progress=progress)
    if json:
        print_json({"version": wanted, "kept": bool(reasons), "why": list(reasons) or [NOT_KEPT]})
        return
    print("kept:" if reasons else "goes:")
    print_lines(f"  {reason}" for reason in reasons or [NOT_KEPT])


@prune.command("apply")
def apply(
    context: typer.Context,
    plan_file: _PlanFile,
    grace: Annotated[
        str | None,
        typer.Option(
            metavar="D",
            help="Wait this long between saying what will go and deleting it: longer than any write takes. "
            "Default: 10m on MongoDB, nothing on SQLite.",
        ),
    ] = None,
    batch_size: Annotated[int, typer.Option(metavar="N", help="Documents in one deletion.")] = 1000,
    delay: Annotated[int, typer.Option(metavar="MS", help="Milliseconds to rest after each.")] = 0,
    heads: _Heads = None,
    no_sql_index: _NoSqlIndex = False,
    ignore_missing: _IgnoreMissing = False,
    json: Json = False,
) -> None:
    """Do what a plan says, while others go on working. What somebody refers to since the plan stays.

    May be interrupted at any time; the same command goes on. A plan that was changed by hand is refused, and
    one from before a branch went back to what it deletes: make a new one.

    Examples:
        modulestore prune apply plan.jsonl
        modulestore prune apply plan.jsonl --delay 200 --batch-size 500
    """
    with open_store(context, must_exist=True) as store, progress_bar() as progress:
        report = store.apply_pruning(
            plan_file,
            grace=None if grace is None else parse_duration(grace),
            batch=batch_size,
            delay=timedelta(milliseconds=delay),
            sql_heads=read_heads(heads),
            no_sql_index=no_sql_index,
            ignore_missing=ignore_missing,
            progress=progress,
        )
    if json:
        print_json(report)
        return
    gone = f"{counted(report.deleted, 'version')}, {counted(report.definitions, 'definition')}"
    files = f", of it files {shown_bytes(report.file_bytes)}" if report.file_bytes else ""
    print(f"deleted {gone}: {shown_bytes(report.bytes)}{files}")
    for count, what in (
        (report.relinked, "linked to what is left before them"),
        (report.spared, "stay: somebody refers to them since the plan"),
        (report.absent, "were gone already"),
        (report.expired, "deleted courses given up"),
    ):
        if count:
            print(f"{count:,} {what}")


def _policy(
    keep: int | None,
    within: str | None,
    courses: list[str] | None,
    min_age: str,
    deleted_after: str | None,
) -> Policy:
    return Policy(
        Retention(keep, None if within is None else parse_duration(within)),
        dict(map(_course_policy, courses or ())),
        parse_duration(min_age),
        None if deleted_after is None else parse_duration(deleted_after),
    )


def _course_policy(text: str) -> tuple[str, Retention]:
    """What ``--for`` says: ``KEY=keep:10,within:1y``."""
    key, equals, rules = text.rpartition("=")
    named: dict[str, Any] = dict.fromkeys(("keep", "within"))
    for rule in rules.split(",") if equals else ():
        name, _, value = rule.strip().partition(":")
        if name == "keep" and value.isdecimal():
            named["keep"] = int(value)
        elif name == "within":
            named["within"] = parse_duration(value)
        else:
            break
    else:
        if equals:
            return str(as_course_key(key).bare), Retention(**named)
    raise InvalidInput(
        f"--for {text!r} is not KEY=POLICY",
        hint="for example course-v1:Example+MS101+2026=keep:10,within:1y",
    )


def _summary_json(summary: PlanSummary) -> dict[str, Any]:
    names = ("kept", "deleted", "bytes", "reasons", "relinked", "definitions", "files", "expired")
    return {name: getattr(summary, name) for name in names}


def _print_header(header: PlanHeader) -> None:
    policy = header.policy
    rules = [_rules(policy.retention), f"nothing younger than {shown_duration(policy.min_age)} goes"]
    if policy.deleted_after is not None:
        rules.append(f"deleted courses are given up after {shown_duration(policy.deleted_after)}")
    lines = [
        f"plan of {header.made_on:%Y-%m-%d %H:%M}, {header.course or 'all courses'}",
        f"policy: {'; '.join(rules)}",
    ]
    lines += [f"  {course}: {_rules(retention)}" for course, retention in sorted(policy.courses.items())]
    print_lines(lines)


def _rules(retention: Retention) -> str:
    rules = [] if retention.keep is None else [f"the newest {retention.keep} of a branch"]
    if retention.within is not None:
        rules.append(f"heads of the last {shown_duration(retention.within)}")
    return f"keep {' and '.join(rules)}"


def _print_summary(summary: PlanSummary) -> None:
    reasons = ", ".join(f"{count:,} {kind}" for kind, count in summary.reasons.items())
    lines = [
        f"kept      {counted(summary.kept, 'version')}" + (f" ({reasons})" if reasons else ""),
        (
            f"goes      {counted(summary.deleted, 'version')}, "
            f"{counted(summary.definitions, 'definition')}, {counted(summary.files, 'file')}: "
            f"about {shown_bytes(summary.bytes)}"
        ),
    ]
    if summary.relinked:
        lines.append(f"relinked  {counted(summary.relinked, 'version')}")
    if summary.expired:
        lines.append(f"given up  {counted(summary.expired, 'deleted course')}")
    print_lines(lines, hang=10)
