"""``python -m tools.bench [JOB …]``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from tools.bench.cases import Job
from tools.bench.jobs import JOBS
from tools.bench.machine import machine
from tools.bench.measure import Result, measure
from tools.bench.report import as_json, as_table, head
from tools.bench.servers import NONE, server
from tools.bench.world import world

_ROUNDS = 7


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; its exit code. A goal that is not reached is no failure."""
    options = command_line().parse_args(arguments)
    if options.list:
        for job in JOBS:
            print(f"{job.name:16}{job.about}")
        return 0
    rounds = options.rounds or (1 if options.quick else _ROUNDS)
    results: list[Result] = []
    with (
        server(options.server, _say) as chosen,
        world(quick=options.quick, server_uri=chosen.uri) as surroundings,
    ):
        about = machine(chosen.about)
        for job in options.jobs or JOBS:
            for case in job.cases(surroundings):
                results += measure(case, rounds, _say, quick=options.quick)
    if options.json:
        print(json.dumps(as_json(results, about, rounds, quick=options.quick)))
    else:
        print(head(about, rounds), as_table(results), sep="\n\n")
    return 0


def command_line() -> argparse.ArgumentParser:
    """The words that the command takes."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.bench",
        description="Measure the library's operations beside what they are compared with.",
    )
    parser.add_argument("jobs", nargs="*", type=_job, metavar="JOB", help="default: all; see --list")
    parser.add_argument("--list", action="store_true", help="list the jobs")
    parser.add_argument("--json", action="store_true", help="print one JSON value instead of a table")
    parser.add_argument("--rounds", type=_count, metavar="N", help=f"default: {_ROUNDS}; with --quick: 1")
    parser.add_argument("--quick", action="store_true", help="tiny courses, cold, to see that it runs")
    parser.add_argument(
        "--server",
        metavar="URI",
        help=f"a MongoDB server, or {NONE!r}; default: $MODULESTORE_TEST_MONGODB_URI, a mongod on the PATH, "
        "or the stand-in",
    )
    return parser


def _job(name: str) -> Job:
    for job in JOBS:
        if job.name == name:
            return job
    raise argparse.ArgumentTypeError(f"there is no job {name!r}: see --list")


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def _say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
