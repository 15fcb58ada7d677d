"""Writes the reference of the command, ``docs/reference/command.md``, from the command itself.

python -m tools.command_reference            write it
python -m tools.command_reference --check    exit 1 if what is there is not what would be written
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from pathlib import Path

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
"""


def page() -> str:
    """The text of the page."""
    # The width of help texts follows the terminal: here it is always the same.
    os.environ |= {"COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1"}
    from modulestore.cli.main import app

    names = [command.name for command in app.registered_commands if command.name]
    for group in app.registered_groups:
        inside = group.typer_instance.registered_commands if group.typer_instance else ()
        names += [f"{group.name} {command.name}" for command in inside]
    return HEAD + "".join(f"\n## `modulestore {name}`\n\n```text\n{help_of(name)}\n```\n" for name in names)


def help_of(name: str) -> str:
    """What ``modulestore NAME --help`` prints."""
    from modulestore.cli.main import main

    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        main([*name.split(), "--help"])
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
