"""Courses that the platform's own code wrote leave as archives, and come back as what they are."""

from __future__ import annotations

import io
from pathlib import Path

import modulestore
from modulestore import Store
from tests.golden.test_platform_databases import client as client
from tests.golden.test_platform_databases import scenario as scenario
from tests.golden.test_platform_databases import store as store


def test_a_platforms_courses(store: Store, tmp_path: Path) -> None:
    for number, summary in enumerate(store.courses()):
        first, second = io.BytesIO(), io.BytesIO()
        report = store.export_course(summary.key, first)
        assert report.problems == ()
        (tmp_path / f"{number}.tar.gz").write_bytes(first.getvalue())
        with modulestore.connect(f"sqlite:///{tmp_path}/{number}.db") as other:
            other.import_course(tmp_path / f"{number}.tar.gz")
            other.export_course(summary.key, second)
            assert second.getvalue() == first.getvalue()
            assert not other.import_course(tmp_path / f"{number}.tar.gz").changed
