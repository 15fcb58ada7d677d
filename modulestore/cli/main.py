"""The command's frame: its options, its commands, and how an error becomes a clear line and an exit code."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, suppress
from functools import cache
from typing import Annotated, Any, Final

import typer

from modulestore import __version__
from modulestore.cli import (
    assets,
    bundling,
    catalog,
    checking,
    conflicts,
    editing,
    exporting,
    history,
    importing,
    pruning,
    publishing,
    reading,
    restoring,
    serving,
    statistics,
    upkeep,
)
from modulestore.cli.bash import whole_words
from modulestore.cli.commands import Command, Commands
from modulestore.cli.failures import exit_code, from_system, report_failure
from modulestore.cli.ordered import OrderedCommand
from modulestore.cli.settings import CACHE_VARIABLE, DEFAULT_URL, OBJECTS_VARIABLE, URL_VARIABLE, Settings

__all__ = ["app", "main"]

_HELP = """Course content in immutable versions, on SQLite or MongoDB.

Begin with `import` or `create`: either makes a store if there is none, in this folder unless --store says
where. Then `courses` says what is in it. `modulestore COMMAND --help` shows how a command is used.

Examples:
    modulestore import course.tar.gz
    modulestore courses
    modulestore tree course-v1:Example+MS101+2026 --depth 2
    modulestore --store mongodb://localhost:27017/edxapp courses
"""

_COMPLETE: Final = "_MODULESTORE_COMPLETE"  # set by the shell that wants to know how a line goes on

app = Commands(name="modulestore", help=_HELP, add_completion=True)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@app.callback()
def _settings(
    context: typer.Context,
    store: Annotated[
        str, typer.Option("--store", envvar=URL_VARIABLE, metavar="URL", help="The store to work with.")
    ] = DEFAULT_URL,
    cache: Annotated[
        str | None,
        typer.Option(
            envvar=CACHE_VARIABLE,
            metavar="URL",
            help="The memcached servers before it, if there are any: what is changed is taken out of them.",
        ),
    ] = None,
    objects: Annotated[
        str | None,
        typer.Option(
            envvar=OBJECTS_VARIABLE,
            metavar="URL",
            help="Where the bytes of new files go instead of into MongoDB, as s3://bucket/folder.",
        ),
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Tell on standard error what is done with the store.")
    ] = False,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            is_eager=True,
            callback=_show_version,
            help="Say which release this is, and nothing else.",
        ),
    ] = False,
) -> None:
    context.obj.url = store
    context.obj.cache = cache or None
    context.obj.objects = objects or None
    context.obj.verbose = verbose


# In the order in which the help lists them, by section.
_COMMANDS: Final[Mapping[str, Mapping[str, Callable[..., Any]]]] = {
    "Courses": {
        "import": importing.import_,
        "create": catalog.create,
        "courses": reading.courses,
        "export": exporting.export,
        "bundle": bundling.bundle,
        "rerun": catalog.rerun,
        "delete": catalog.delete,
        "undelete": catalog.undelete,
    },
    "What is in a course": {
        "tree": reading.tree,
        "blocks": reading.blocks,
        "show": reading.show,
        "log": history.log,
        "diff": history.diff,
        "changes": publishing.changes,
    },
    "Editing and publishing": {
        "edit": editing.edit,
        "conflicts": conflicts.conflicts,
        "publish": publishing.publish,
        "unpublish": publishing.unpublish,
        "discard": publishing.discard,
        "restore": restoring.restore,
        "undo": restoring.undo,
        "tag": history.tag,
        "untag": history.untag,
    },
    "Files": {"assets": assets.assets, "serve": serving.serve},
    "Upkeep": {
        "stats": statistics.stats,
        "check": checking.check,
        "prune": pruning.prune,
        "upgrade": upkeep.upgrade,
    },
}
for _section, _commands in _COMMANDS.items():
    for _name, _function in _commands.items():
        if isinstance(_function, Commands):
            app.add_typer(_function, name=_name, rich_help_panel=_section)
        else:
            app.command(_name, cls=OrderedCommand if _name == "edit" else Command, rich_help_panel=_section)(
                _function
            )


@cache
def _command() -> Any:
    """The command with all of its parts, which takes longer to make than most of them take to run."""
    return typer.main.get_command(app)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; its exit code.

    0 done, 1 unexpected failure, 2 usage or invalid input, 3 not found, 4 conflict, 5 storage unavailable or
    full, 6 problems found.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in words
    settings = Settings()
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        # A title in letters that the terminal has not is no reason to stop.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        return _run(words, settings)
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except BrokenPipeError:  # whoever reads our output has enough of it
        _drop_output()
        return 0
    except Exception as error:
        if isinstance(error, OSError) and error.filename is None:
            _drop_output()
        failure = from_system(error) if isinstance(error, OSError) else error
        report_failure(failure, settings.command, as_json=as_json, verbose=settings.verbose)
        return exit_code(failure)


def _drop_output() -> None:
    """What Python still holds for standard output must not fail at exit."""
    with suppress(OSError, ValueError):  # it may be no file at all
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(words: Sequence[str], settings: Settings) -> int:
    asked_by_bash = os.environ.get(_COMPLETE) == "complete_bash"
    with whole_words() if asked_by_bash else nullcontext():
        try:
            code = _command()(words, standalone_mode=False, prog_name="modulestore", obj=settings)
            print(end="", flush=True)  # what cannot be written is to be said here, not when Python ends
            return code or 0
        except SystemExit as end:  # completion was asked for, or set up
            return int(end.code or 0)
        finally:
            settings.end()
