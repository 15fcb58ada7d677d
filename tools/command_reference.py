"""Writes the reference of the command, ``docs/reference/command.md``, from the command itself.

python -m tools.command_reference            write it
python -m tools.command_reference --check    exit 1 if what is there is not what would be written
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "command.md"

HEAD = """# The command

<!-- Written by `python -m tools.command_reference` from the command's own help: change that, not this. -->

`modulestore [--store URL] [--cache URL] COMMAND …` works on one store: `--store`, else `$MODULESTORE_URL`,
else `sqlite:///modulestore.db`. With `--cache`, else `$MODULESTORE_CACHE`, it works through the memcached
servers that services use before the same store, so that what it changes or deletes is gone there too.

With `--json` standard output is exactly one JSON value; progress and messages go to standard error, and an
error is `{"error": {"type", "message", "place", "hint"}}` there.

| exit code | means |
|---|---|
| 0 | done |
| 1 | unexpected failure |
| 2 | wrong usage, or input that cannot be used |
| 3 | not found |
| 4 | conflict: somebody else was first |
| 5 | storage unavailable or full, or written by a later release |
| 6 | problems found (`check`, `import --strict`, what `upgrade` left or worked around) |

## How it behaves

**Help.** `-h` or `--help` after any command, and after `assets` or `prune`, shows how it is used, and
ends with examples. A test runs them, but for the few that take a running server or wait for requests.

**Completion.** `modulestore --install-completion`, in the shell that you use (bash, zsh or fish), makes
the Tab key complete commands and options; and keys of courses and blocks, names of branches and types of
blocks, from the store that the line names. `--show-completion` prints what it would install. The store
is only read: where it is missing, or does not answer within a second, no keys are offered.

**Widths.** On a terminal rows are cut or broken to its width, with `…` for what is left out; keys and
ids stay whole, and go on a line of their own where it is too narrow. What is piped into a program or a
file is never cut.

**Colours** are for terminals. There are none with `NO_COLOR` set to anything, or with `TERM=dumb`; with
`FORCE_COLOR` set they go into pipes and files too.

**Errors** are one line that says where and what is wrong, and below it what to do next. A word that is
nearly a command or an option is answered with that.

**`-v`, `--verbose`**, before or after the command, tells on standard error which store is used (without
its password), every call of the database and of the cache with its time and with the documents and bytes
that it moved, and in the end what that came to. Calls of one name in a row have two lines: the first of
them, and all others together. What the calls are is in [Observing a store](../observing.md).

| variable | is for |
|---|---|
| `MODULESTORE_URL` | the store, in place of `--store` |
| `MODULESTORE_CACHE` | its cache, in place of `--cache` |
| `MODULESTORE_OBJECTS` | where bytes of new files go, in place of `--objects` |
| `NO_COLOR`, `FORCE_COLOR`, `TERM` | colours, as above |
| `COLUMNS` | the width of help, and of rows on a terminal |
"""


def page() -> str:
    """The text of the page."""
    # The width of help texts follows the terminal: here it is always the same.
    os.environ |= {"COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1"}
    from modulestore.cli.main import app

    return HEAD + "".join(
        f"\n## `{name}`\n\n```text\n{help_of(name)}\n```\n" for name in names(typer.main.get_command(app))
    )


def names(command: Any, path: str = "modulestore") -> Iterator[str]:
    """The command and all commands in it, in the order of its help."""
    yield path
    for name, inner in getattr(command, "commands", {}).items():
        yield from names(inner, f"{path} {name}")


def help_of(name: str) -> str:
    """What ``NAME --help`` prints."""
    from modulestore.cli.main import main

    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        main([*name.split()[1:], "--help"])
    return "\n".join(line.rstrip() for line in text.getvalue().strip().splitlines())


def run(arguments: list[str]) -> int:
    """The command."""
    text = page()
    if arguments == ["--check"]:
        if PAGE.is_file() and PAGE.read_text() == text:
            return 0
        print(f"{PAGE.name} is not what `python -m tools.command_reference` writes")
        return 1
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
