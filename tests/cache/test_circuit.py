"""When somebody who has not answered is asked again."""

from __future__ import annotations

from modulestore.storage.circuit import Circuit


def test_two_failures_in_a_row_open_it() -> None:
    circuit = Circuit(5.0)
    for _ in range(3):
        assert circuit.enter(100.0)
        circuit.failed(100.0)
        assert circuit.enter(100.0)
        circuit.succeeded()
    circuit.failed(100.0)
    assert not circuit.is_open(100.0)
    circuit.failed(100.0)
    assert circuit.is_open(100.0)
    assert not circuit.enter(104.9)


def test_after_the_pause_one_tries_and_the_others_wait() -> None:
    circuit = Circuit(5.0)
    circuit.failed(100.0)
    circuit.failed(100.0)
    assert circuit.enter(105.0)
    assert not circuit.enter(105.0)
    circuit.failed(105.2)
    assert not circuit.enter(110.1)
    assert circuit.enter(110.2)
    circuit.succeeded()
    assert circuit.enter(110.2)
    assert circuit.enter(110.2)


def test_one_who_tries_and_never_says_how_it_went_does_not_keep_it_shut() -> None:
    circuit = Circuit(5.0)
    circuit.failed(100.0)
    circuit.failed(100.0)
    assert circuit.enter(105.0)
    assert circuit.enter(110.0)


def test_what_can_be_left_out_is_left_out_after_one_failure() -> None:
    circuit = Circuit(5.0)
    circuit.failed(100.0)
    assert circuit.is_open(104.0, dispensable=True)
    assert not circuit.enter(104.0, dispensable=True)
    assert circuit.enter(104.0)
    assert circuit.enter(105.0, dispensable=True)
