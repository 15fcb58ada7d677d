"""What a run says at its end of the servers that its tests need: which they had, or that there was none."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any, NoReturn

import pytest

__all__ = ["is_worker", "missing", "teller", "used"]

REQUIRE_VARIABLE = "MODULESTORE_TEST_REQUIRE_SERVERS"

Note = tuple[str, str, str, str]  # kind of server, "used" or "missing", what, hint
NOTES = pytest.StashKey[set[Note]]()
NOTES_FROM_WORKER = "modulestore_servers"


def used(config: pytest.Config, kind: str, server: str) -> None:
    """This server was used."""
    config.stash[NOTES].add((kind, "used", server, ""))


def missing(config: pytest.Config, kind: str, why: str, hint: str = "") -> NoReturn:
    """There is none: the test is skipped, or fails where servers are required."""
    config.stash[NOTES].add((kind, "missing", why, hint))
    if os.environ.get(REQUIRE_VARIABLE) == "1":
        pytest.fail(f"{REQUIRE_VARIABLE}=1, but there is no {kind}: {why}", pytrace=False)
    pytest.skip(f"no {kind}: {why}")


def teller(config: pytest.Config, who: str) -> Callable[[str], None]:
    """Says at once, past pytest's capture, what takes long."""

    def say(message: str) -> None:
        capture = config.pluginmanager.getplugin("capturemanager")
        with capture.global_and_fixture_disabled():
            print(f"\n{who}: {message}", file=sys.stderr, flush=True)

    return say


def is_worker(config: pytest.Config) -> bool:
    """Whether this process is one of several of pytest-xdist."""
    return hasattr(config, "workerinput")


def pytest_configure(config: pytest.Config) -> None:
    """Make room for notes."""
    config.stash[NOTES] = set()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand a worker's notes to the controller, which alone writes the summary."""
    if is_worker(session.config):
        notes: set[Note] = session.config.stash[NOTES]
        session.config.workeroutput[NOTES_FROM_WORKER] = sorted(notes)  # type: ignore[attr-defined]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take a worker's notes; one that has crashed leaves none."""
    notes = getattr(node, "workeroutput", {}).get(NOTES_FROM_WORKER, ())
    node.config.stash[NOTES].update(tuple(note) for note in notes)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say which servers were used, or that there was none."""
    notes: set[Note] = config.stash[NOTES]
    for kind in sorted({kind for kind, *_ in notes}):
        terminalreporter.section(kind)
        for _, what, text, hint in sorted(note for note in notes if note[0] == kind):
            if what == "used":
                terminalreporter.write_line(f"Server tests ran on {text}.")
            else:
                terminalreporter.write_line(f"SERVER TESTS WERE NOT RUN. {text}", red=True, bold=True)
                if hint:
                    terminalreporter.write_line(hint, red=True)
