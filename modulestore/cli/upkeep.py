"""``upgrade``: the migration steps of the stored format."""

from __future__ import annotations

from typing import Annotated

import typer

from modulestore.cli.output import print_json
from modulestore.cli.settings import Json, open_store

__all__ = ["upgrade"]


def upgrade(
    context: typer.Context,
    plan: Annotated[bool, typer.Option("--plan", help="Change nothing; say what would be done.")] = False,
    json: Json = False,
) -> None:
    """Bring an existing database up to date: make the indexes that it lacks.

    \b
    modulestore upgrade --plan
    """
    with open_store(context) as store:
        steps = store.pending_upgrade() if plan else store.upgrade()
    if json:
        print_json(
            [
                {"name": s.step.name, "what": s.step.what, "why": s.step.why, "indexes": s.indexes}
                for s in steps
            ]
        )
        return
    for pending in steps:
        print(f"{'to do' if plan else 'done'}: {pending.step.name}: {pending.step.what}")
        print("".join(f"  {name}\n" for name in pending.indexes), end="")
    if not steps:
        print("nothing to do")
