"""How a conflict is shown: as JSON, and as lines that say what to do next."""

from __future__ import annotations

from typing import Any

from modulestore.cli.output import as_json_text
from modulestore.cli.terminal import cut
from modulestore.model.conflict import KeptConflict
from modulestore.model.merging import ConflictItem

__all__ = ["conflict_json", "conflict_lines"]

_SIDES = ("base", "theirs", "mine")


def conflict_json(conflict: KeptConflict) -> dict[str, Any]:
    """A conflict, its items with whole keys of blocks; the time is spelled when it is written."""
    return {**conflict.as_json(), "on": conflict.on}


def conflict_lines(conflict: KeptConflict, command: str, room: int | None) -> list[str]:
    """What is to decide, with the commands that decide it.

    Args:
        command: how a command on the same store begins.
        room: cells that a value may take with what stands before it; None: as many as it has.
    """
    lines = [
        f"  conflict {conflict.id}: {conflict.author!r} edited version {conflict.base},",
        f"  and the head is {conflict.theirs} by {conflict.their_author!r} now",
    ]
    for item in conflict.items:
        lines += _item_lines(conflict, item, room)
    resolve = f"{command} conflicts resolve {conflict.id}"
    each = " ".join(f"--ours {item.id}" for item in conflict.items)
    return [
        *lines,
        "  decide with one of",
        f"    {resolve} {each}  # or --theirs, item by item",
        f"    {resolve} --overwrite  # yours in all of them; all else stays merged",
        f"    {resolve} --abort  # give your edit up",
    ]


def _item_lines(conflict: KeptConflict, item: ConflictItem, room: int | None) -> list[str]:
    what = f", {item.field}" if item.field else ""
    lines = [f"  item {item.id} ({item.kind.value}): {conflict.key.usage(*item.key)}{what}"]
    for side in _SIDES:
        value = "nothing" if side in item.absent else as_json_text(getattr(item, side))
        lines.append(cut(f"    {side + ':':8}{value}", room))
    return lines
