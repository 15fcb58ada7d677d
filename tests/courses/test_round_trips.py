"""Every real archive goes in, out, in and out again: no version, no byte and no file is another one.

That what is written is what was read is tested in ``tests/olx``; here it is that it holds through databases.
"""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

import modulestore
from tests.courses.test_real_courses import COURSES, FILES


@pytest.mark.parametrize("kind", ["sqlite", "mongodb-format-1"])
@pytest.mark.parametrize("file", FILES)
def test_a_real_course_there_and_back(
    file: str, kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = f"sqlite:///{tmp_path}/one.db"
    if kind != "sqlite":
        server = request.getfixturevalue("mongodb_url")
        url = f"{server}{'&' if '?' in server else '?'}format=1"
    with modulestore.connect(url) as store:
        imported = store.import_course(COURSES / file)
        report = store.export_course(imported.key, tmp_path / "one.tar.gz")
        assert report.problems == ()
        again = store.import_course(tmp_path / "one.tar.gz")
        assert not again.changed
        assert (again.version, again.draft_version) == (imported.version, imported.draft_version)
    with modulestore.connect(f"sqlite:///{tmp_path}/other.db") as other:
        other.import_course(tmp_path / "one.tar.gz")
        other.export_course(imported.key, tmp_path / "other.tar.gz")
    assert gzip.decompress((tmp_path / "other.tar.gz").read_bytes()) == gzip.decompress(
        (tmp_path / "one.tar.gz").read_bytes()
    )
