"""The command's frame: its options, its commands, and how an error becomes a clear line and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from functools import cache
from typing import Annotated, Any

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
from modulestore.cli.failures import exit_code, report_failure
from modulestore.cli.ordered import OrderedCommand
from modulestore.cli.settings import CACHE_VARIABLE, DEFAULT_URL, OBJECTS_VARIABLE, URL_VARIABLE, Settings
from modulestore.errors import ModuleStoreError

__all__ = ["app", "main"]

app = typer.Typer(
    name="modulestore",
    help="Course content in immutable versions, on SQLite or MongoDB.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


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


app.command("create")(catalog.create)
app.command("import")(importing.import_)
app.command("export")(exporting.export)
app.command("courses")(reading.courses)
app.command("tree")(reading.tree)
app.command("blocks")(reading.blocks)
app.command("show")(reading.show)
app.command("log")(history.log)
app.command("diff")(history.diff)
app.command("edit", cls=OrderedCommand)(editing.edit)
app.command("conflicts")(conflicts.conflicts)
app.command("changes")(publishing.changes)
app.command("publish")(publishing.publish)
app.command("unpublish")(publishing.unpublish)
app.command("discard")(publishing.discard)
app.command("restore")(restoring.restore)
app.command("undo")(restoring.undo)
app.command("tag")(history.tag)
app.command("rerun")(catalog.rerun)
app.command("delete")(catalog.delete)
app.command("undelete")(catalog.undelete)
app.add_typer(assets.assets, name="assets")
app.command("stats")(statistics.stats)
app.command("bundle")(bundling.bundle)
app.command("check")(checking.check)
app.add_typer(pruning.prune, name="prune")
app.command("upgrade")(upkeep.upgrade)
app.command("serve")(serving.serve)


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
    try:
        return _command()(words, standalone_mode=False, prog_name="modulestore", obj=settings) or 0
    except (ModuleStoreError, typer.TyperException) as error:
        report_failure(error, settings.command, as_json=as_json)
        return exit_code(error)
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except BrokenPipeError:
        # Whoever reads our output has enough of it; what Python still holds for them must not fail at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
