"""Export: a course into an archive."""

from __future__ import annotations

import io
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lxml import etree

import modulestore
from tools.bench.cases import Call, Case, Job, Variant
from tools.bench.import_floor import stored_documents, stored_rows
from tools.bench.places import SqlitePlace
from tools.bench.world import World

__all__ = ["JOB"]


@dataclass(frozen=True, slots=True)
class Export:
    """The library's export into a ``.tar.gz``."""

    url: str
    key: str

    @contextmanager
    def ready(self) -> Iterator[Call]:
        """A store that has the course, with nothing in the process."""
        with modulestore.connect(self.url) as store, tempfile.TemporaryDirectory() as folder:
            dest = Path(folder) / "course.tar.gz"
            yield Call(lambda: store.export_course(self.key, dest).blocks, lambda: dest.stat().st_size)


@dataclass(frozen=True, slots=True)
class Floor:
    """What no export can do without: read all documents and files in bulk, print the very same XML with lxml,
    and write the same files into an archive with tarfile.
    """

    url: str
    key: str
    place: str

    @contextmanager
    def ready(self) -> Iterator[Call]:
        """What an export has written in memory; of XML the elements."""
        with modulestore.connect(self.url) as store, tempfile.TemporaryDirectory() as folder:
            stream = io.BytesIO()
            blocks = store.export_course(self.key, stream).blocks
            contents = list(_contents(stream))
            dest = Path(folder) / "course.tar.gz"
            yield Call(lambda: self._run(contents, dest) and blocks, lambda: dest.stat().st_size)

    def _run(self, contents: list[tuple[str, Any]], dest: Path) -> int:
        read = stored_rows if self.place == "sqlite" else stored_documents
        read(self.url)
        with tarfile.open(dest, "w:gz", compresslevel=6) as archive:
            for name, content in contents:
                data = content if isinstance(content, bytes) else etree.tostring(content)
                member = tarfile.TarInfo(name)
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
        return len(contents)


def _contents(stream: io.BytesIO) -> Iterator[tuple[str, Any]]:
    stream.seek(0)
    with tarfile.open(fileobj=stream) as archive:
        for member in archive:
            file = archive.extractfile(member)
            assert file is not None
            content: Any = file.read()
            if member.name.endswith(".xml"):
                with suppress(etree.XMLSyntaxError):
                    content = etree.fromstring(content)
            yield member.name, content


def cases(world: World) -> Iterator[Case]:
    """Every archive out of every place."""
    for name, archive in world.archives(1000, 4000):
        for place in world.places:
            with place.new() as url:
                with modulestore.connect(url) as store:
                    key = str(store.import_course(archive).key)
                kind = "sqlite" if isinstance(place, SqlitePlace) else "server"
                floor = Variant("floor", place.name, Floor(url, key, kind))
                yield Case(
                    "export", name, [Variant("modulestore", place.name, Export(url, key)), floor], floor
                )


JOB = Job("export", "a course into an archive, against bulk reads and tarfile alone", cases)
