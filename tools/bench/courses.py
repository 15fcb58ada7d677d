"""Courses that are written for the benchmarks: always the same for the same size, in the shape of real ones.

Chapters of 6 subsections of 6 units of 3 to 6 leaves. Two thirds of the leaves are problems (300 to 1,800
characters; 30 % also have 350 characters of markdown), the rest are texts and videos in equal parts. Names
of blocks are 32 hexadecimal digits. The platform's own code was measured on courses of this shape.
"""

from __future__ import annotations

import gzip
import io
import json
import random
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import quoteattr

__all__ = ["write_course"]

_RUN = "R1"
_POLICY = {"display_name": "Bench course", "start": "2026-01-01T00:00:00Z"}
_GRADING = {"GRADER": [], "GRADE_CUTOFFS": {"Pass": 0.5}}


class _Node(NamedTuple):
    type: str
    id: str
    children: list[_Node]


def write_course(path: Path, blocks: int) -> None:
    """Write the archive (``.tar.gz``) of a course with so many blocks, the course block included."""
    rng = random.Random(blocks)
    root = _outline(rng, blocks)
    with (
        path.open("wb") as file,
        gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as archive,
    ):
        for name, text in _files(rng, root, blocks):
            data = text.encode()
            member = tarfile.TarInfo(f"course/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))


def _outline(rng: random.Random, blocks: int) -> _Node:
    root = _Node("course", _RUN, [])
    left = blocks - 1
    units = 0
    while left > 0:
        above = root
        # A new unit; after 6 of them a new subsection first, after 36 a new chapter: while blocks are left.
        for container, each in (("chapter", 36), ("sequential", 6), ("vertical", 1)):
            if units % each == 0 and left > 0:
                above.children.append(_Node(container, _name(rng), []))
                left -= 1
            above = above.children[-1] if above.children else above
        for _ in range(min(left, rng.randint(3, 6))):
            kind = rng.choices(("problem", "html", "video"), (66, 17, 17))[0]
            above.children.append(_Node(kind, _name(rng), []))
            left -= 1
        units += 1
    return root


def _files(rng: random.Random, root: _Node, blocks: int) -> Iterator[tuple[str, str]]:
    course = f"B{blocks}"
    yield "course.xml", f'<course url_name="{_RUN}" org="Bench" course="{course}"/>\n'
    yield f"policies/{_RUN}/policy.json", json.dumps({f"course/{_RUN}": _POLICY})
    yield f"policies/{_RUN}/grading_policy.json", json.dumps(_GRADING)
    waiting = [root]
    while waiting:
        node = waiting.pop()
        yield from _block(rng, node)
        waiting.extend(reversed(node.children))


def _block(rng: random.Random, node: _Node) -> Iterator[tuple[str, str]]:
    name = f"{node.type}/{node.id}"
    title = quoteattr(_words(rng, rng.randint(15, 30)))
    if node.type == "problem":
        settings = ' max_attempts="4" showanswer="finished" weight="1.0"'
        if rng.random() < 0.3:
            settings += f" markdown={quoteattr(_words(rng, 350))}"
        text = _words(rng, rng.randint(300, 1800))
        yield f"{name}.xml", f"<problem display_name={title}{settings}>{text}</problem>\n"
    elif node.type == "html":
        yield f"{name}.xml", f'<html display_name={title} filename="{node.id}"/>\n'
        yield f"{name}.html", f"<p>{_words(rng, rng.randint(200, 3000))}</p>"
    elif node.type == "video":
        youtube, edx, source = _name(rng)[:11], _name(rng), f"https://cdn.example.org/{_name(rng)}.mp4"
        settings = f' youtube_id_1_0="{youtube}" edx_video_id="{edx}" download_video="true"'
        inside = f'<source src="{source}"/><transcript language="en" src="{_name(rng)}.srt"/>'
        yield f"{name}.xml", f'<video url_name="{node.id}" display_name={title}{settings}>{inside}</video>\n'
    else:
        children = "".join(f'  <{child.type} url_name="{child.id}"/>\n' for child in node.children)
        yield f"{name}.xml", f"<{node.type} display_name={title}>\n{children}</{node.type}>\n"


def _name(rng: random.Random) -> str:
    return f"{rng.getrandbits(128):032x}"


def _words(rng: random.Random, length: int) -> str:
    words, size = [], 0
    while size < length:
        word = "abcdefghijklmnopqrstuvwxyz"[rng.randrange(26)] * rng.randint(2, 11)
        words.append(word)
        size += len(word) + 1
    return " ".join(words)[:length].rstrip()
