"""What an export writes: versions of a course as a plain course. ``model.importing`` backwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from modulestore.keys import BlockKey, ContextKey, VersionId
from modulestore.model.branches import DIRECT_ONLY
from modulestore.model.definition import Definition
from modulestore.model.fields import is_container, is_detached
from modulestore.model.files import CourseFile
from modulestore.model.plain import PlainBlock, PlainCourse, PlainFile, Problem, same_block
from modulestore.model.structure import Structure

__all__ = ["ExportReport", "plain_course", "plain_files"]


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What an export wrote.

    Attributes:
        key: of the course.
        version: what was written as published; of a library, its version. None for a course that was never
            published.
        draft_version: whose drafts were written; None if none were asked for.
        blocks, drafts: how many blocks there are in the one, and how many differ in the other.
        files: static files.
        bytes: of everything that the export has, or of the archive.
        written: paths that were written into a folder; None for an archive.
        removed: paths that were removed from a folder, as the export has them no more.
        problems: what could not be written, or not as it was.
    """

    key: ContextKey
    version: VersionId | None
    draft_version: VersionId | None
    blocks: int
    drafts: int
    files: int
    bytes: int
    written: tuple[str, ...] | None
    removed: tuple[str, ...]
    problems: tuple[Problem, ...]


def plain_course(
    key: ContextKey,
    published: Structure | None,
    draft: Structure | None,
    definitions: Mapping[VersionId, Definition],
    files: Sequence[CourseFile] = (),
) -> PlainCourse:
    """A course as an archive holds it; one of the two structures is there.

    Blocks that nothing leads to are not in it, nor is what only a store knows: edit info, and defaults that a
    library gave. Pages that the draft has taken out are among its problems: no list of children says so.
    """
    structure = published or draft
    assert structure is not None
    drafts = {} if draft is None else _blocks(draft, definitions)
    blocks = _outline(drafts) if published is None else _blocks(published, definitions)
    return PlainCourse(
        key=key.bare,
        root=structure.header.root,
        blocks=blocks,
        draft_blocks={
            block_key: block
            for block_key, block in drafts.items()
            if block_key not in blocks or not same_block(blocks[block_key], block)
        },
        assets=dict(structure.assets or {}),
        files=plain_files(files),
        problems=[
            Problem(f"{key.type}/{key.id}", "it is taken out, and published still", "as published")
            for key in blocks
            if draft is not None and is_detached(key.type) and key not in drafts
        ],
    )


def plain_files(files: Sequence[CourseFile]) -> list[PlainFile]:
    """Files as an archive holds them, by name; where their bytes go is not said. No thumbnails."""
    return [
        PlainFile(
            name=file.key.name,
            path="",
            size=file.length,
            display_name=file.display_name,
            content_type=file.content_type,
            locked=file.locked,
            import_path=file.import_path,
            thumbnail=file.thumbnail,
        )
        for file in sorted(files, key=lambda file: file.key.name)
        if file.key.type == "asset"
    ]


def _blocks(structure: Structure, definitions: Mapping[VersionId, Definition]) -> dict[BlockKey, PlainBlock]:
    """The blocks that the root leads to in document order, then the detached ones by key."""
    found: dict[BlockKey, PlainBlock] = {}
    waiting = [] if structure.root is None else [structure.root]
    while waiting:
        position = waiting.pop()
        if position >= len(structure) or structure.key(position) in found:
            continue
        found[structure.key(position)] = _block(structure, position, definitions)
        waiting.extend(reversed(structure.children[position] or ()))
    beside = [at for at in range(len(structure)) if is_detached(structure.types[at])]
    for position in sorted(beside, key=structure.key):
        found.setdefault(structure.key(position), _block(structure, position, definitions))
    # What is listed and not there is no child.
    return {
        key: block
        if block.children is None or all(child in found for child in block.children)
        else replace(block, children=[child for child in block.children if child in found])
        for key, block in found.items()
    }


def _block(structure: Structure, position: int, definitions: Mapping[VersionId, Definition]) -> PlainBlock:
    record = structure.record(position)
    children = list(record.children or ())
    return PlainBlock(
        key=record.key,
        settings=record.settings,
        content=definitions[record.definition].fields,
        # A published leaf has a list of children too, an empty one.
        children=children if children or is_container(record.key.type) else None,
        asides=record.asides,
    )


def _outline(drafts: Mapping[BlockKey, PlainBlock]) -> dict[BlockKey, PlainBlock]:
    """What is there of a course that was never published: what has no drafts."""
    return {
        key: replace(
            block,
            children=None
            if block.children is None
            else [child for child in block.children if child.type in DIRECT_ONLY],
        )
        for key, block in drafts.items()
        if key.type in DIRECT_ONLY or is_detached(key.type)
    }
