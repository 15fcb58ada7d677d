"""Fail points: commands that fail on request, as mongod's `failCommand`, with one addition.

`{configureFailPoint: "failCommand", mode: …, data: {failCommands: […], …}}` on the admin database, where
*mode* is `"off"`, `"alwaysOn"`, `{times: N}` or `{skip: N}`. In *data*: `closeConnection`, `errorCode`,
`errorLabels`, `blockConnection` with `blockTimeMS`. Ours alone is `afterExecution: true`: the command is
executed before it fails, so with `closeConnection` the client loses the reply to a command that took effect.
The reply's `count` says how many commands the fail point has failed before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tools.mongo_server.gateway.command import Command
from tools.mongo_server.gateway.errors import CommandError

__all__ = ["FailPoint", "FailPoints"]

_FIELDS = {
    "failCommands",
    "closeConnection",
    "errorCode",
    "errorLabels",
    "blockConnection",
    "blockTimeMS",
    "afterExecution",
}


@dataclass(slots=True)
class FailPoint:
    """What happens to which commands, and how often still."""

    commands: frozenset[str]
    skip: int = 0
    times: int | None = None
    """None: for ever."""
    close_connection: bool = False
    error_code: int | None = None
    error_labels: list[str] | None = None
    block_seconds: float = 0.0
    after_execution: bool = False


class FailPoints:
    """The one fail point there is, `failCommand`."""

    def __init__(self) -> None:
        self._active: FailPoint | None = None
        self._count = 0

    def configure(self, command: Command) -> dict[str, Any]:
        """Do what a `configureFailPoint` command says."""
        if command.target != "failCommand":
            raise CommandError(2, f"no such fail point: {command.target!r}; the only one is failCommand")
        mode = command.body.get("mode")
        data = command.body.get("data") or {}
        self._active = None if mode == "off" else _parsed(mode, data)
        count, self._count = self._count, 0
        return {"count": count, "ok": 1.0}

    def hit(self, command: Command) -> FailPoint | None:
        """The fail point, when it is `command`'s turn to fail."""
        point = self._active
        if point is None or command.key not in point.commands:
            return None
        if point.skip > 0:
            point.skip -= 1
            return None
        if point.times is not None:
            point.times -= 1
            if point.times == 0:
                self._active = None
        self._count += 1
        return point


def _parsed(mode: object, data: Mapping[str, Any]) -> FailPoint:
    if unknown := set(data) - _FIELDS:  # a filter that is ignored would hit the wrong commands
        raise CommandError(2, f"unknown in data of failCommand: {', '.join(sorted(unknown))}")
    point = FailPoint(frozenset(str(name).lower() for name in data.get("failCommands", ())))
    point.close_connection = bool(data.get("closeConnection"))
    point.error_code = data.get("errorCode")
    point.error_labels = list(data["errorLabels"]) if "errorLabels" in data else None
    point.after_execution = bool(data.get("afterExecution"))
    if data.get("blockConnection"):
        point.block_seconds = data.get("blockTimeMS", 0) / 1000
    if isinstance(mode, Mapping) and isinstance(mode.get("times"), int) and mode["times"] > 0:
        point.times = mode["times"]
    elif isinstance(mode, Mapping) and isinstance(mode.get("skip"), int):
        point.skip = mode["skip"]
    elif mode != "alwaysOn":
        raise CommandError(2, f"unknown mode {mode!r}")
    return point
