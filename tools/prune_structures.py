"""The pruning command that operators of a platform know, on this library.

The same two commands with the same options, the same plan file and the same details; `modulestore prune` does
more. Where the platform's rules would delete what somebody needs, this command keeps it and says so. Runs
as ``python tools/prune_structures.py`` or ``python -m tools.prune_structures``.
"""

from __future__ import annotations

import hashlib
import json
import logging
import sys
from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final, TextIO
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import typer

from modulestore import Store, connect
from modulestore.cli.failures import exit_code, report_failure
from modulestore.cli.heads import read_heads
from modulestore.cli.output import counted, progress_bar
from modulestore.errors import InvalidInput, InvalidKey, InvalidURL, ModuleStoreError
from modulestore.keys import VersionId
from modulestore.model.columns import VersionColumn
from modulestore.upkeep.pruning.plan import Plan, PlanHeader, PlanSummary, Relink, read_plan
from modulestore.upkeep.pruning.policy import Policy, Retention, parse_duration
from modulestore.upkeep.pruning.reasons import ReasonKind

__all__ = ["app", "main"]

_TIMEOUTS: Final = {"socketTimeoutMS": 300_000, "connectTimeoutMS": 2000, "serverSelectionTimeoutMS": 2000}
_RULES: Final = frozenset({ReasonKind.HEAD, ReasonKind.ORIGINAL, ReasonKind.NEWEST})
"""Why a platform's rules keep a structure; other reasons are beyond them."""
_LINKS: Final = 1000  # structures that are asked for at once

_log = logging.getLogger("prune_structures")

app = typer.Typer(
    help="Delete the structures of a course database that nothing needs: make_plan, look at it, prune.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@dataclass(frozen=True, slots=True)
class _Chain:
    """One branch and all that came before its head."""

    name: str
    versions: Sequence[VersionId]
    original: VersionId


_PlanFile = Annotated[Path, typer.Argument(metavar="PLAN_FILE", help="The plan: one JSON object.")]
_Delay = Annotated[int, typer.Option(min=0, metavar="MS", help="Milliseconds to rest after each batch.")]
_Heads = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="The heads that the platform's SQL index has: CSV or JSON of course_id, draft_version, "
        "published_version, library_version.",
    ),
]
_NoSqlIndex = Annotated[
    bool, typer.Option("--no-sql-index", help="No platform keeps heads of this database in SQL.")
]
_MinAge = Annotated[str, typer.Option(metavar="D", help="Delete nothing that was needed less than this ago.")]
_IgnoreMissing = Annotated[
    bool,
    typer.Option("--ignore-missing/--no-ignore-missing", help="Go on in spite of ids that lead nowhere."),
]


@app.callback()
def _settings(
    context: typer.Context,
    connection: Annotated[
        str, typer.Option(metavar="URL", help="The MongoDB server.")
    ] = "mongodb://localhost:27017",
    database_name: Annotated[str, typer.Option(metavar="NAME", help="The database on it.")] = "edxapp",
) -> None:
    context.obj = _url(connection, database_name)


@app.command("make_plan")
def make_plan(
    context: typer.Context,
    plan_file: _PlanFile,
    details: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also list every branch, for people.")
    ] = None,
    retain: Annotated[
        int, typer.Option(min=0, metavar="N", help="Versions to keep before the head of each branch.")
    ] = 2,
    delay: _Delay = 15000,
    batch_size: Annotated[int, typer.Option(min=1, metavar="N", help="Structures that are read at once.")] = (
        10_000
    ),
    ignore_missing: _IgnoreMissing = False,
    dump_structures: Annotated[bool, typer.Option("--dump-structures", help="Log every structure.")] = False,
    heads: _Heads = None,
    no_sql_index: _NoSqlIndex = False,
    min_age: _MinAge = "24h",
) -> None:
    """Write down which structures would be deleted, and which would follow another one. Changes nothing."""
    policy = Policy(Retention(keep=retain + 1), min_age=parse_duration(min_age))
    lines = plan_file.with_name(f"{plan_file.name}.lines")
    try:
        with connect(context.obj, must_exist=True) as store, progress_bar() as progress:
            summary = store.plan_pruning(
                policy,
                lines,
                parts=(),
                sql_heads=read_heads(heads),
                no_sql_index=no_sql_index,
                ignore_missing=ignore_missing,
                batch=batch_size,
                delay=timedelta(milliseconds=delay),
                progress=progress,
            )
            with lines.open("rb") as made:
                plan = read_plan(made, str(lines))
            if dump_structures:
                _dump(store)
            if details is not None:
                with _replaced(details) as file:
                    _write_details(file, plan, _chains(store), _other_reasons(lines))
        relinks = [relink for relink in plan.relinks if relink.to is not None]
        with _replaced(plan_file) as file:
            _write_plan(file, plan.deleted, sorted(relinks))
    except OSError as error:
        raise InvalidInput(f"{error.strerror}", place=error.filename) from error
    finally:
        lines.unlink(missing_ok=True)
    _print_summary(summary, len(plan.relinks) - len(relinks))


@app.command("prune")
def prune(
    context: typer.Context,
    plan_file: _PlanFile,
    delay: _Delay = 15000,
    batch_size: Annotated[int, typer.Option(min=1, metavar="N", help="Structures in one deletion.")] = 1000,
    start: Annotated[
        str | None, typer.Option(metavar="ID", help="Leave out what the plan deletes before this one.")
    ] = None,
    ignore_missing: _IgnoreMissing = False,
    heads: _Heads = None,
    no_sql_index: _NoSqlIndex = False,
    min_age: _MinAge = "24h",
    grace: Annotated[
        str | None,
        typer.Option(metavar="D", help="Wait this long before deleting, so that who writes is done: 10m."),
    ] = None,
) -> None:
    """Do what a plan says, made here or by the platform's own script, as far as nobody needs what it deletes.

    May be interrupted, and done again.
    """
    deleted, parents, digest = _read_plan(plan_file)
    if start is not None:
        deleted = _from(deleted, VersionId.parse(start), str(plan_file))
    with connect(context.obj, must_exist=True) as store, progress_bar() as progress:
        relinks = list(_relinks(store, parents))
        policy = Policy(Retention(keep=1), min_age=parse_duration(min_age))
        header = PlanHeader(datetime.now(UTC), policy)
        summary = PlanSummary(0, len(deleted), len(relinks), 0, 0, 0, 0, {})
        none = VersionColumn(b"")
        report = store.apply_pruning(
            # What it does not delete it does not name: all of that is looked at anew, as if made since.
            Plan(header, summary, f"{digest} {start or ''}", none, deleted, none, tuple(relinks)),
            grace=None if grace is None else parse_duration(grace),
            batch=batch_size,
            delay=timedelta(milliseconds=delay),
            sql_heads=read_heads(heads),
            no_sql_index=no_sql_index,
            ignore_missing=ignore_missing,
            progress=progress,
        )
    print(
        f"deleted {counted(report.deleted, 'structure')}, re-linked {report.relinked:,} of {len(parents):,}"
    )
    for count, what in (
        (report.spared, "in the plan stay: something refers to them"),
        (report.absent, "in the plan were gone already"),
    ):
        if count:
            print(f"{count:,} {what}")


def _url(connection: str, database: str) -> str:
    """The URL of a database on a server, with leave to write to what a platform has there.

    Raises:
        InvalidURL: it is no server's.
    """
    parts = urlsplit(connection)
    if parts.scheme not in ("mongodb", "mongodb+srv"):
        raise InvalidURL(
            f"{parts.scheme or 'this'} is no MongoDB server",
            hint="`modulestore prune` prunes databases of every kind",
        )
    options = parse_qsl(parts.query, keep_blank_values=True)
    given = {name.lower() for name, _ in options}
    if "@" in parts.netloc and "authsource" not in given:
        # Who connects is looked up in the database of the URL, which is to be another one now.
        options.append(("authSource", parts.path.strip("/") or "admin"))
    options += [(name, str(value)) for name, value in _TIMEOUTS.items() if name.lower() not in given]
    query = urlencode([*options, ("writes", "yes")], safe=":/,")
    return urlunsplit((parts.scheme, parts.netloc, f"/{database}", query, ""))


@contextmanager
def _replaced(path: Path) -> Iterator[TextIO]:
    """A file that takes the place of another one when it is whole."""
    partial = path.with_name(f"{path.name}.part")
    try:
        with partial.open("w", encoding="utf-8") as file:
            yield file
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


# --- the plan file


def _write_plan(file: TextIO, deleted: VersionColumn, relinks: Sequence[Relink]) -> None:
    """The plan as the platform's script writes it, without all of its ids in memory as text."""
    file.write('{\n  "delete": ')
    _write_list(file, (f'"{version}"' for version in deleted))
    file.write(',\n  "update_parents": ')
    _write_list(file, (f'[\n      "{one.version}",\n      "{one.to}"\n    ]' for one in relinks))
    file.write("\n}")


def _write_list(file: TextIO, items: Iterator[str]) -> None:
    before = "[\n    "
    for item in items:
        file.write(f"{before}{item}")
        before = ",\n    "
    file.write("[]" if before.startswith("[") else "\n  ]")


def _read_plan(path: Path) -> tuple[VersionColumn, dict[VersionId, VersionId], str]:
    """What a plan deletes, in order; new previous ones by structure; and what tells it from other plans.

    Raises:
        InvalidInput: it is no plan, or contradicts itself.
    """
    place = str(path)
    try:
        content = path.read_bytes()
        plan = json.loads(content)
        deleted = VersionColumn.of(sorted(set(map(VersionId.parse, plan["delete"]))))
        parents = {VersionId.parse(one): VersionId.parse(to) for one, to in plan["update_parents"]}
    except OSError as error:
        raise InvalidInput(f"the plan cannot be read: {error.strerror}", place=place) from error
    except (InvalidKey, KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise InvalidInput(
            f"this is no plan: {error}", place=place, hint="make one: `prune_structures make_plan`"
        ) from error
    for version, to in sorted(parents.items()):
        for one in (version, to):
            if deleted.holds(one):
                raise InvalidInput(
                    f"the plan contradicts itself: it deletes {one}, and has {version} follow {to}",
                    place=place,
                    hint="make a new one: `prune_structures make_plan`",
                )
    return deleted, parents, hashlib.sha256(content).hexdigest()


def _from(deleted: VersionColumn, start: VersionId, place: str) -> VersionColumn:
    """What a plan deletes from an id on.

    Raises:
        InvalidInput: the plan does not delete it.
    """
    if not deleted.holds(start):
        raise InvalidInput(
            f"--start {start}: the plan does not delete that", place=place, hint="give an id of its `delete`"
        )
    return VersionColumn(deleted.packed[bisect_left(deleted, start) * 12 :])


def _relinks(store: Store, parents: Mapping[VersionId, VersionId]) -> Iterator[Relink]:
    """What is still to be linked anew, as it is now; said of what cannot be."""
    every = sorted(parents.items())
    left: Counter[str] = Counter()
    for at in range(0, len(every), _LINKS):
        batch = dict(every[at : at + _LINKS])
        links = store._backend.structures.links({*batch, *batch.values()})
        for version, to in batch.items():
            link = links.get(version)
            if link is None:
                left["is gone"] += 1
            elif link.previous is None or link.previous == to:
                left["is done already"] += 1
            elif to not in links or links[to].original != link.original:
                left["would lead to what is not there, or to another history"] += 1
            else:
                yield Relink(version, link.previous, to)
    for why, count in left.items():
        print(f"of {count:,} re-links each {why}")


# --- what people read


def _print_summary(summary: PlanSummary, not_linked: int) -> None:
    print(
        f"{counted(summary.kept + summary.deleted, 'structure')}: {summary.kept:,} kept, "
        f"{summary.deleted:,} to delete, {summary.relinked - not_linked:,} to re-link"
    )
    beyond = {kind: count for kind, count in summary.reasons.items() if kind not in _RULES}
    if beyond:
        print("kept for reasons that the platform's rules do not know (some also by its rules):")
        for kind, count in sorted(beyond.items()):
            print(f"  {count:,} {kind}")
    if not_linked:
        print(f"{not_linked:,} are not re-linked: nothing before them is kept")


def _dump(store: Store) -> None:
    for batch in store._backend.structures.headers():
        for header in batch:
            _log.info(
                "structure %s, original %s, previous %s",
                header.id,
                header.original_version,
                header.previous_version,
            )


def _chains(store: Store) -> Iterator[_Chain]:
    """Every branch. What comes before each structure is in memory, of the whole database."""
    backend = store._backend
    before = {
        header.id: (header.previous_version, header.original_version)
        for batch in backend.structures.headers()
        for header in batch
    }
    for entry in backend.index.list():
        for branch, head in sorted(entry.heads.items()):
            versions: dict[VersionId, None] = {}
            at: VersionId | None = head
            while at in before and at not in versions:
                versions[at] = None
                at = None if at == before[at][1] else before[at][0]
            if versions:
                yield _Chain(f"{branch} of {entry.key}", list(versions), before[head][1])


def _other_reasons(lines: Path) -> Mapping[VersionId, Sequence[str]]:
    """Why structures are kept that our plan keeps, by id."""
    with lines.open("rb") as file:
        rows = (json.loads(line) for line in file if line.startswith(b'{"keep"'))
        return {VersionId.parse(row["keep"]): row["why"] for row in rows}


def _write_details(
    file: TextIO, plan: Plan, chains: Iterator[_Chain], reasons: Mapping[VersionId, Sequence[str]]
) -> None:
    """The counts, and each branch from its head to the first version; then what else is kept, and why."""
    every = list(chains)
    total = plan.summary.kept + plan.summary.deleted
    file.write(
        f"branches: {len(every)}\nstructures: {total}\nsaved: {plan.summary.kept}\n"
        f"deleted: {plan.summary.deleted}\nre-linked: {len(plan.relinks)}\n"
    )
    relinks = {relink.version: relink.to for relink in plan.relinks}
    shown: set[VersionId] = set()
    for chain in every:
        file.write(f"\n{chain.name}\n")
        shown.update(chain.versions)
        for version in chain.versions:
            notes = _notes(version, chain, relinks)
            file.write(f"{'-' if plan.deleted.holds(version) else '+'} {version}{notes}\n")
        if chain.original not in chain.versions and plan.kept.holds(chain.original):
            file.write(f"+ {chain.original} (original)\n")
            shown.add(chain.original)
    _write_others(file, reasons, shown)


def _notes(version: VersionId, chain: _Chain, relinks: Mapping[VersionId, VersionId | None]) -> str:
    notes = " (active)" if version == chain.versions[0] else ""
    if version in relinks:
        to = relinks[version]
        notes += " (re-link to original)" if to == chain.original else f" (re-link to {to})"
    return notes + (" (original)" if version == chain.original else "")


def _write_others(
    file: TextIO, reasons: Mapping[VersionId, Sequence[str]], shown: Collection[VersionId]
) -> None:
    others = [version for version in reasons if version not in shown]
    if others:
        file.write("\nin no branch\n")
    for version in others:
        file.write(f"+ {version} ({'; '.join(reasons[version])})\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; its exit code: as of `modulestore`."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    _log.setLevel(logging.INFO)
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return app(words, standalone_mode=False, prog_name="prune_structures") or 0
    except (ModuleStoreError, typer.TyperException) as error:
        report_failure(error, "modulestore", program="prune_structures")
        return exit_code(error)
    except (KeyboardInterrupt, typer.Abort):
        return 130


if __name__ == "__main__":
    sys.exit(main())
