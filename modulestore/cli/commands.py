"""What all commands and groups of commands have: help that ends with examples, and ``--verbose``."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from functools import cache
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

__all__ = ["Command", "Commands", "Group", "WrongUsage"]

_HEADING = "\nExamples:\n"
_TYPE = re.compile(r"<([a-z ]+)>")
_TYPES = {"str": "TEXT", "int": "N", "int range": "N", "path": "PATH"}


class WrongUsage(typer.TyperException):
    """The words of a command line make no sense.

    Attributes:
        hint: what to do next.
    """

    exit_code = 2

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def _be_verbose(context: typer.Context, value: bool) -> None:
    if value:
        context.obj.verbose = True


_own = typer.Typer(add_completion=False)


@_own.command()
def _every_command(
    verbose: Annotated[
        bool,
        typer.Option(
            "--verbose",
            "-v",
            help="Tell on standard error what is done with the store.",
            callback=_be_verbose,
            expose_value=False,
        ),
    ] = False,
) -> None:
    """What options every command has beside its own."""


@cache
def _own_options() -> Sequence[Any]:
    return typer.main.get_command(_own).params


class Command(TyperCommand):
    """A command. What its docstring has under ``Examples:`` is the end of its help.

    Attributes:
        examples: command lines, as they are typed.
    """

    def __init__(self, *, help: str | None = None, params: Sequence[Any] | None = None, **how: Any) -> None:  # noqa: A002
        text, self.examples = _split(help)
        super().__init__(help=text, params=[*(params or ()), *_own_options()], **how)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if ctx.resilient_parsing and args and args[-1] in self.with_value:
            # Its value is what a shell wants to complete: without it nothing else would be read.
            args = args[:-1]
        try:
            return super().parse_args(ctx, args)
        except typer.TyperException as error:
            if getattr(error, "ctx", None) is None:  # who reports it wants to know which command it was
                vars(error)["ctx"] = ctx
            raise

    @property
    def with_value(self) -> set[str]:
        """Options that take a value."""
        return {name for param in self.params for name in param.opts if not getattr(param, "is_flag", True)}

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        # What is required stands there as it is, without braces.
        return [re.sub(r"[{}]", "", piece) for piece in super().collect_usage_pieces(ctx)]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        records: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
        for param in self.get_params(ctx):
            name, said = param.get_help_record(ctx) or ("", "")
            if param.param_type_name == "argument":
                records["Arguments"].append((name.partition(" <")[0], said))
            else:
                records["Options"].append((_TYPE.sub(_shown_type, name), said))
        for section, rows in records.items():
            if rows:
                with formatter.section(section):
                    formatter.write_dl(rows)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        _write_examples(formatter, self.examples)


class Group(TyperGroup):
    """A group of commands, which its help lists in sections."""

    def __init__(self, *, help: str | None = None, **how: Any) -> None:  # noqa: A002
        text, self.examples = _split(help)
        super().__init__(help=text, **how)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        width = max(map(len, self.commands))
        sections: dict[str, list[tuple[str, str]]] = {}
        for name, command in self.commands.items():
            section = getattr(command, "rich_help_panel", None) or "Commands"
            sections.setdefault(section, []).append((name.ljust(width), _in_short(command)))
        for section, rows in sections.items():
            with formatter.section(section):
                formatter.write_dl(rows)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        _write_examples(formatter, self.examples)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name = args[0]
        if name in self.commands or name.startswith("-") or ctx.resilient_parsing:
            return super().resolve_command(ctx, args)
        near = get_close_matches(name, self.commands, n=2)
        meant = f"did you mean {' or '.join(near)}? " if near else ""
        raise WrongUsage(f"there is no command {name!r}", f"{meant}`{ctx.command_path} --help` lists all")


class Commands(typer.Typer):
    """A group of commands, to be filled with functions."""

    def __init__(self, **how: Any) -> None:
        super().__init__(
            cls=Group,
            no_args_is_help=True,
            pretty_exceptions_enable=False,
            rich_markup_mode=None,
            context_settings={"help_option_names": ["-h", "--help"]},
            **how,
        )

    def command(
        self, name: str | None = None, *, cls: type[TyperCommand] | None = Command, **how: Any
    ) -> Callable[[Any], Any]:
        return super().command(name, cls=cls, **how)


def _in_short(command: Any) -> str:
    """The first sentence of what is said of a command, without what comes after a colon."""
    sentence = re.split(r"(?<=[.:;])\s", " ".join(command.help.split("\n\n")[0].split()))[0]
    return re.sub(r"[:;]$", ".", sentence)


def _shown_type(found: re.Match[str]) -> str:
    return _TYPES.get(found[1], found[0])


def _split(help: str | None) -> tuple[str, list[str]]:  # noqa: A002
    """What a command is for, and its examples."""
    text, _, examples = inspect.cleandoc(help or "").partition(_HEADING)
    lines: list[str] = []
    for line in textwrap.dedent(examples).strip().splitlines():
        if lines and lines[-1].endswith("\\"):
            lines[-1] += f"\n{line}"
        else:
            lines.append(line)
    return text.rstrip(), lines


def _write_examples(formatter: Any, examples: Sequence[str]) -> None:
    if examples:
        with formatter.section("Examples"):
            indent = " " * formatter.current_indent
            formatter.write(textwrap.indent("\n".join(examples), indent) + "\n")
