"""How differences of versions are shown."""

from __future__ import annotations

from typing import Any

from modulestore.cli.output import as_json_text
from modulestore.cli.terminal import cut
from modulestore.keys import ContextKey
from modulestore.model.diff import Diff

__all__ = ["diff_json", "diff_lines"]


def diff_json(course: ContextKey, found: Diff) -> dict[str, Any]:
    """A difference as JSON has it, with full keys."""

    def keys(blocks: tuple[Any, ...]) -> list[str]:
        return [str(course.usage(*block)) for block in blocks]

    def moved(item: Any) -> dict[str, Any]:
        return {"key": course.usage(*item.key), "from": keys(item.before), "to": keys(item.after)}

    return {
        **{
            name: [
                {**item.as_json(), "key": course.usage(*item.key), "parents": keys(item.parents)}
                for item in items
            ]
            for name, items in (("added", found.added), ("removed", found.removed))
        },
        "moved": [moved(item) for item in found.moved],
        "reordered": [moved(item) for item in found.reordered],
        "changed": [{**item.as_json(), "key": course.usage(*item.key)} for item in found.changed],
        "assets": [item.as_json() for item in found.assets],
    }


def diff_lines(course: ContextKey, found: Diff, room: int | None) -> list[str]:
    """A difference for people.

    Args:
        room: cells that a value may take with what stands before it; None: as many as it has.
    """

    def names(blocks: tuple[Any, ...]) -> str:
        return ", ".join("/".join(block) for block in blocks) or "nothing"

    lines = [f"added      {course.usage(*item.key)}, below {names(item.parents)}" for item in found.added]
    lines += [f"removed    {course.usage(*item.key)}, below {names(item.parents)}" for item in found.removed]
    for move in found.moved:
        lines.append(f"moved      {course.usage(*move.key)}")
        lines.append(f"             from {names(move.before)} to {names(move.after)}")
    for order in found.reordered:
        lines.append(f"reordered  {course.usage(*order.key)}: {names(order.after)}")
    for change in found.changed:
        values = change.as_json()
        before, after = (
            "nothing" if end in values["unset"] else as_json_text(values[end]) for end in ("from", "to")
        )
        lines.append(f"changed    {course.usage(*change.key)} {change.field}")
        lines += [cut(f"             from {before}", room), cut(f"             to   {after}", room)]
    lines += [f"file       {asset.filename}" for asset in found.assets]
    return lines
