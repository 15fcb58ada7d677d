"""``upgrade``: the migration steps of the stored format."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from modulestore import Conversion
from modulestore.cli.output import counted, print_json, progress_bar
from modulestore.cli.settings import Json, open_store
from modulestore.formats.structures import Schema
from modulestore.upkeep.steps import Step

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
    json: Json = False,
) -> int:
    """Bring an existing database up to date: make the indexes that it lacks, or convert its versions.

    A conversion is done only when it is asked for. Others may read and write meanwhile. Exit code 6 if
    versions were left as they are.

    \b
    modulestore upgrade --plan
    modulestore upgrade --format 2
    """
    if to_format is not None:
        return _convert(context, 1 if to_format == 1 else 2, plan, json)
    with open_store(context) as store:
        steps = store.pending_upgrade() if plan else store.upgrade()
        conversions = store.possible_conversions()
    state = "to do" if plan else "done"
    if json:
        print_json(
            [
                *({**_shown(pending.step), "state": state, "indexes": pending.indexes} for pending in steps),
                *({**_shown(step), "state": "not asked for", "format": step.schema} for step in conversions),
            ]
        )
        return 0
    for pending in steps:
        print(f"{state}: {pending.step.name}: {pending.step.what}")
        print("".join(f"  {name}\n" for name in pending.indexes), end="")
    if not steps:
        print("nothing to do")
    for step in conversions:
        print(f"not asked for: {step.name}: {step.what}")
        print(f"  {step.why}")
        print(f"  {context.obj.command} upgrade --format {step.schema}")
    return 0


def _shown(step: Step) -> dict[str, Any]:
    return {"name": step.name, "what": step.what, "why": step.why}


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
