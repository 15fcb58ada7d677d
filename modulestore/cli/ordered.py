"""Options that can be repeated, take several words each, and are done in the order in which they stand.

Typer gives the values of one option as a list of single words, apart from those of other options. So before
it parses, each such option is put together with its place and its words into one word, and taken apart after.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import typer

from modulestore.cli.commands import Command

__all__ = ["Given", "OrderedCommand", "in_order"]


class Given(NamedTuple):
    """One option as it stands on the command line."""

    place: int
    option: str
    words: list[str]


class OrderedCommand(Command):
    """A command with such options: those whose metavar has several words."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ordered = {
            name: str(param.metavar)
            for param in self.params
            for name in param.opts
            if getattr(param, "multiple", False)
        }
        try:
            args = _packed(args, ordered, self.with_value)
        except typer.BadParameter as error:
            if not ctx.resilient_parsing:
                raise typer.BadParameter(error.message, ctx) from None
        return super().parse_args(ctx, args)


def _packed(args: Sequence[str], ordered: Mapping[str, str], with_value: set[str]) -> list[str]:
    packed: list[str] = []
    rest = list(args)
    while rest:
        word = rest.pop(0)
        name, equals, value = word.partition("=")
        if word == "--":
            return [*packed, word, *rest]
        if name not in ordered:
            packed.append(word)
            if word in with_value and rest:  # whatever it looks like, it is this option's value
                packed.append(rest.pop(0))
            continue
        if equals:
            rest.insert(0, value)
        count = len(ordered[name].split())
        if len(rest) < count:
            raise typer.BadParameter(f"{name} takes {ordered[name]}")
        words, rest = rest[:count], rest[count:]
        packed.append(f"{name}={json.dumps(Given(len(packed), name, words))}")
    return packed


def in_order(*values: Sequence[str] | None) -> list[Given]:
    """What all these options were given, in the order in which they stand on the command line."""
    return sorted(Given(*json.loads(word)) for value in values for word in value or ())
