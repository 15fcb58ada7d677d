"""Several observers, and those that raise."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator

import pytest

from modulestore.observing import Event, StorageCall, fan_out

EVENT = StorageCall("index.get", 0.1)
LOG = "modulestore.observing"


def wrong(event: Event) -> None:
    raise ZeroDivisionError


def interrupted(event: Event) -> None:
    raise KeyboardInterrupt


def test_each_is_called_with_every_event_in_order() -> None:
    seen: list[tuple[str, Event]] = []
    observe = fan_out(lambda event: seen.append(("a", event)), lambda event: seen.append(("b", event)))
    observe(EVENT)
    observe(EVENT)
    assert seen == [("a", EVENT), ("b", EVENT)] * 2


def test_what_an_observer_raises_is_logged_once_and_keeps_nothing_from_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    seen: list[Event] = []
    observe = fan_out(wrong, seen.append, wrong)
    for _ in range(3):
        observe(EVENT)
    assert seen == [EVENT] * 3
    assert [(record.name, record.levelname) for record in caplog.records] == [(LOG, "ERROR")] * 2
    assert "wrong" in caplog.records[0].getMessage()
    assert caplog.records[0].exc_info is not None
    assert caplog.records[0].exc_info[0] is ZeroDivisionError


class _Broken(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        raise OSError("no space left")


@pytest.fixture
def broken_log() -> Iterator[None]:
    handler = _Broken()
    logging.getLogger(LOG).addHandler(handler)
    yield
    logging.getLogger(LOG).removeHandler(handler)


@pytest.mark.usefixtures("broken_log")
def test_a_log_that_raises_too_does_no_harm() -> None:
    fan_out(wrong)(EVENT)


def test_an_interrupt_is_no_error_of_an_observer() -> None:
    with pytest.raises(KeyboardInterrupt):
        fan_out(interrupted)(EVENT)


def test_what_is_fanned_out_already_is_left_alone() -> None:
    observe = fan_out(wrong)
    assert fan_out(observe) is observe


def test_extras_are_not_loaded_by_who_does_not_ask_for_them() -> None:
    """Nor does it take one of them to import the library."""
    program = (
        "import sys; sys.modules.update(opentelemetry=None, motor=None);"
        "import modulestore, modulestore.observing, modulestore.cli"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
