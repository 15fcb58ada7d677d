"""A server that dies in the middle of an import: a clear error, and what was there is as it was."""

from __future__ import annotations

from pathlib import Path

import pytest

import modulestore
from modulestore.cli import main
from modulestore.errors import CourseNotFound, StorageUnavailable
from tests._sync.stores import COURSE, COURSE_KEY, LIBRARY, everything
from tests.servers import PrivateMongoDB

QUICKLY = "serverSelectionTimeoutMS=300&retryWrites=false"


@pytest.mark.parametrize("write", [0, 2, 5])
def test_a_server_that_dies_in_the_middle(
    private_mongodb: PrivateMongoDB, monkeypatch: pytest.MonkeyPatch, write: int
) -> None:
    monkeypatch.setattr("modulestore._sync.importing._TOGETHER", 317)  # the sample's files in several batches
    url = f"{private_mongodb.url(f'dies_{write}')}&{QUICKLY}"
    with modulestore.connect(url) as store:
        store.import_course(LIBRARY)
        before = everything(store._backend)

        def progress(what: str, done: int, total: int) -> None:
            if (what, done) == ("writing", write):
                private_mongodb.server.kill()

        with pytest.raises(StorageUnavailable) as caught:
            store.import_course(COURSE, progress=progress)
        assert caught.value.hint
        private_mongodb.server.restart()
        after = everything(store._backend)
        assert after["entries"] == before["entries"]
        assert before["structures"].items() <= after["structures"].items()
        assert before["definitions"].items() <= after["definitions"].items()
        with pytest.raises(CourseNotFound):
            store.open(COURSE_KEY)
        assert store.import_course(COURSE).changed


def test_the_command_says_so(
    private_mongodb: PrivateMongoDB, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"{private_mongodb.url('dies')}&{QUICKLY}"
    private_mongodb.server.kill()
    assert main(["--store", url, "import", str(COURSE)]) == 5
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 2
