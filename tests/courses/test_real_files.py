"""The files of real courses, and what their content says of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

import modulestore
from modulestore import Store, VersionId
from modulestore.keys import ContextKey, asset_name
from modulestore.olx import open_archive
from modulestore.olx.statics import STATIC_FOLDERS
from tests.courses.test_real_courses import COURSES, FILES

CDN = "https://cdn.example.com"
# Another look for links than the library's own: whatever follows, up to something that ends it.
LINK = re.compile(r"""["'(]/static/([^"'()<>?#\s]+)""")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with modulestore.connect(f"sqlite:///{tmp_path}/courses.db") as store:
        yield store


def texts(store: Store, key: ContextKey) -> Iterator[str]:
    """All texts of both heads."""
    heads: set[VersionId] = {
        version for summary in store.courses() if summary.key == key for version in summary.heads.values()
    }
    for head in heads:
        course = store.open(key, version=head)
        blocks = [*course.blocks(), *course.detached, *course.orphans]
        for fields in [*(block.settings for block in blocks), *store.load_content(blocks).values()]:
            yield from strings(fields)


def strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from strings(item)


@pytest.mark.parametrize("file", FILES)
def test_links_that_lead_somewhere_in_the_archive_lead_there_in_the_store(store: Store, file: str) -> None:
    with open_archive(COURSES / file) as tree:
        paths = {
            path.removeprefix(folder)
            for path in tree.names()
            for folder in STATIC_FOLDERS
            if path.startswith(folder)
        }
    key = store.import_course(COURSES / file).key
    links = store.assets.links(key)
    used = {found.key.name for found in store.assets.used(key)}
    assert used >= {links.files[name].key.name for name in used}
    assert sorted(map(asset_name, paths)) == sorted(links.files), "every file of the archive"
    for text in texts(store, key):
        rewritten = links.rewrite(text, base=CDN)
        for path in LINK.findall(text):
            if path in paths or unquote(path) in paths:
                found = links.find(path)
                assert found is not None
                assert found.key.name in used
                if found.locked:
                    continue
                assert f"{CDN}/assets/courseware/v1/{found.md5}/" in rewritten
                assert f'"/static/{path}"' not in rewritten
        portable = links.portable(rewritten, base=CDN)
        assert CDN not in portable or CDN in text
        assert links.portable(links.rewrite(portable, base=CDN), base=CDN) == portable


@pytest.mark.parametrize("file", [file for file in FILES if file == "demo-course.tar.gz"] or FILES[:1])
def test_what_the_demo_course_does_not_use(store: Store, file: str) -> None:
    key = store.import_course(COURSES / file).key
    names = {found.key.name for found in store.assets.list(key)}
    unused = {found.key.name for found in store.assets.unused(key)}
    assert len(unused) < len(names) / 2
    everything = "\n".join(texts(store, key))
    for name in unused:
        assert not re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w.-])", everything), "it is spoken of"
