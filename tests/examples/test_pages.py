"""The pages on services: their code is that of the examples, and what they show is what services answer."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

import modulestore
from learning_api.application import application
from learning_api.learners import Roster
from tests.docs.test_pages import ROOT, follow
from tests.examples.services import EXAMPLES, started
from tests.origin.servers import running

ADDRESS = "http://127.0.0.1:8000"
PAGES = ["docs/authoring-service.md", "docs/learning-service.md"]
READ_MES = ["docs/examples/authoring_api/README.md", "docs/examples/learning_api/README.md"]
EXCERPT = re.compile(r"^```py\n *# (.+?)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@contextmanager
def answering(service: str, url: str) -> Iterator[str]:
    """A service; that for learners has the date of its page, and does not ask for the head again."""
    if service == "authoring_api":
        with started(service, url) as (one,):
            yield one.address
        return
    roster = Roster.read(EXAMPLES / "learning_api" / "roster.json")
    app = application(url, roster, staleness=3600, now=lambda: datetime(2026, 9, 20, tzinfo=UTC))
    with running(app, lifespan="on") as server:
        yield f"http://127.0.0.1:{server.port}"


@pytest.mark.parametrize("page", [*PAGES, *READ_MES])
def test_a_page(page: str, sample_course: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From top to bottom, on a store of its own."""
    if page in READ_MES and shutil.which("curl") is None:
        pytest.skip(f"there is no curl: {page} was not followed")
    url = f"sqlite:///{tmp_path}/modulestore.db"
    with modulestore.connect(url) as store:
        store.import_course(sample_course)
    with answering("authoring_api" if "authoring" in page else "learning_api", url) as address:
        text = (ROOT / page).read_text()
        assert ADDRESS in text
        follow(page, text.replace(ADDRESS, address), tmp_path, monkeypatch)


@pytest.mark.parametrize("page", PAGES)
def test_excerpts_are_of_the_examples(page: str) -> None:
    excerpts = EXCERPT.findall((ROOT / page).read_text())
    assert excerpts
    for name, code in excerpts:
        # Without the indentation that it has in the file its lines may be broken elsewhere.
        shown, there = ("".join(text.split()) for text in (code, (EXAMPLES / name).read_text()))
        assert shown in there, f"{page} shows what {name} has not:\n{code}"


@pytest.mark.parametrize("service", ["authoring_api", "learning_api"])
def test_every_module_is_in_the_read_me(service: str) -> None:
    text = (EXAMPLES / service / "README.md").read_text()
    modules = {path.name for path in (EXAMPLES / service).glob("*.py")} - {"__init__.py"}
    assert modules == set(re.findall(r"`(\w+\.py)`", text))
