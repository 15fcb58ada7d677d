"""The observer for OpenTelemetry, read out by its own reader."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader, NumberDataPoint

import modulestore
from modulestore.errors import StorageFull
from modulestore.observing import StorageCall
from modulestore.observing.opentelemetry import OpenTelemetryObserver
from tests.observing.events import EVENTS


class Meters(NamedTuple):
    """An observer, and where its metrics can be read."""

    observe: OpenTelemetryObserver
    reader: InMemoryMetricReader

    def read(self) -> dict[str, dict[tuple[tuple[str, Any], ...], Any]]:
        """Data points by the name of the metric and their attributes."""
        found: dict[str, dict[tuple[tuple[str, Any], ...], Any]] = {}
        data = self.reader.get_metrics_data()
        assert data is not None
        for resource in data.resource_metrics:
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    points = found.setdefault(metric.name, {})
                    for point in metric.data.data_points:
                        points[tuple(sorted((point.attributes or {}).items()))] = point
        return found


@pytest.fixture
def meters() -> Meters:
    reader = InMemoryMetricReader()
    provider = MeterProvider(metric_readers=[reader], shutdown_on_exit=False)
    return Meters(OpenTelemetryObserver(provider.get_meter("modulestore")), reader)


def test_every_event_is_recorded(meters: Meters) -> None:
    for event in EVENTS:
        meters.observe(event)
    meters.observe(StorageCall("structures.get_many", 0.0625, documents=1, bytes=24))
    meters.observe(StorageCall("structures.put_many", 0.5, StorageFull))
    found = meters.read()
    name, failed = "modulestore.name", ("error.type", "StorageFull")
    read, written = ((name, "structures.get_many"),), (failed, (name, "structures.put_many"))
    durations = found["modulestore.storage.duration"]
    assert durations.keys() == {read, written}
    assert isinstance(durations[read], HistogramDataPoint)
    assert (durations[read].count, durations[read].sum, durations[read].max) == (2, 0.3125, 0.25)
    assert durations[read].explicit_bounds[:3] == (0.0001, 0.0005, 0.001)
    assert isinstance(found["modulestore.storage.bytes"][read], NumberDataPoint)
    sums = {
        metric: {attributes: point.value for attributes, point in points.items()}
        for metric, points in found.items()
        if not metric.endswith(".duration")
    }
    got, kept_out = ((name, "get"),), (("error.type", "CommitContention"), (name, "contention"))
    assert sums == {
        "modulestore.storage.documents": {read: 3},
        "modulestore.storage.bytes": {read: 1024},
        "modulestore.cache.asked": {got: 3},
        "modulestore.cache.hits": {got: 2},
        "modulestore.cache.misses": {got: 1},
        "modulestore.cache.bytes": {got: 400},
        "modulestore.read.asked": {((name, "structures"),): 3},
        "modulestore.read.at_hand": {((name, "structures"),): 1},
        "modulestore.read.fetched": {((name, "structures"),): 2},
        "modulestore.read.built_on": {((name, "structures"),): 1},
        "modulestore.read.decoding": {((name, "structures"),): 0.0625},
        "modulestore.commit.tries": {kept_out: 7},
        "modulestore.commit.deltas": {kept_out: 2},
        "modulestore.commit.bytes": {kept_out: 90},
    }


def test_units_are_those_of_opentelemetry(meters: Meters) -> None:
    for event in EVENTS:
        meters.observe(event)
    data = meters.reader.get_metrics_data()
    assert data is not None
    (resource,) = data.resource_metrics
    (scope,) = resource.scope_metrics
    units = {metric.name: metric.unit for metric in scope.metrics}
    assert units["modulestore.storage.duration"] == "s"
    assert units["modulestore.storage.bytes"] == "By"
    assert units["modulestore.cache.hits"] == "1"
    assert units["modulestore.read.decoding"] == "s"


def test_a_store_is_observed(meters: Meters, tmp_path: Path, sample_course: str) -> None:
    with modulestore.connect(f"sqlite:///{tmp_path}/store.db", observe=meters.observe) as store:
        report = store.import_course(sample_course)
        with store.edit(report.key, author="ana") as edit:
            edit.update(next(iter(edit.course.blocks("html"))), display_name="new")
    found = meters.read()
    (written,) = found["modulestore.commit.tries"].values()
    assert (written.value, written.attributes) == (1, {"modulestore.name": "committed"})
    assert (("modulestore.name", "index.swap"),) in found["modulestore.storage.duration"]
