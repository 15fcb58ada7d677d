"""A whole course or library as files: ``modulestore.olx.reader`` backwards.

Source: course archive format, directory map; bytes on export. What is written depends on the course alone:
not on the order in which a database gives its blocks, nor on the machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from modulestore.errors import InvalidInput
from modulestore.keys import CourseKey, LibraryKey
from modulestore.model.fields import FIELD_NAMES_NEVER_READ, field_of
from modulestore.model.plain import PlainBlock, PlainCourse, PlainFile, Problem, with_root
from modulestore.olx.identity import COURSE_ROOT, Identity
from modulestore.olx.links import Links
from modulestore.olx.policy import completed_grading
from modulestore.olx.problems import Problems
from modulestore.olx.reading import FAMILY
from modulestore.olx.rules.containers import portable_books
from modulestore.olx.values import OTHERS
from modulestore.olx.writing.blocks import BlockWriter, is_safe, write_left
from modulestore.olx.writing.drafts import write_drafts
from modulestore.olx.writing.elements import element_text, indented
from modulestore.olx.writing.fields import classic_attributes, native_fields, normal_content, pure_attributes
from modulestore.olx.writing.fitting import fitting, really_drafts
from modulestore.olx.writing.metadata import metadata_xml
from modulestore.olx.writing.pages import write_pages
from modulestore.olx.writing.rules import asides_of, options_of
from modulestore.olx.writing.statics import ASSETS_JSON, files_json, placed_files
from modulestore.olx.writing.texts import is_xml_text, json_text, native

__all__ = ["Written", "write_course"]

# The course block's content that is written as something else than attributes.
_ELSEWHERE = ("grading_policy", "textbooks", "wiki_slug")


class Written(NamedTuple):
    """The files of an archive.

    Attributes:
        folder: what the archive's only folder is called.
        files: their content by path, sorted; without static files.
        statics: the static files by path, sorted, whose bytes are somewhere else.
        problems: what could not be written, or not as it was.
    """

    folder: str
    files: Mapping[str, bytes]
    statics: Mapping[str, PlainFile]
    problems: Sequence[Problem]


def write_course(plain: PlainCourse) -> Written:
    """The files of a course or library.

    Raises:
        InvalidCourse: blocks contain each other.
        InvalidInput: the name of the run can be no folder.
    """
    problems = Problems()
    plain = fitting(plain, problems)
    statics = placed_files(plain.files, problems)
    is_library = isinstance(plain.key, LibraryKey)
    files = _library(plain, problems) if is_library else _course(plain, problems)
    files[ASSETS_JSON] = files_json(statics.values(), plain.key)
    return Written(
        "library" if is_library else "course",
        dict(sorted(files.items())),
        dict(sorted(statics.items())),
        list(problems),
    )


def _course(plain: PlainCourse, problems: Problems) -> dict[str, bytes]:
    key = plain.key
    assert isinstance(key, CourseKey)
    run = key.run or ""
    if not is_safe(f"policies/{run}") or not is_safe(f"course/{run.replace(':', '/')}.xml"):
        raise InvalidInput(
            f"the run {run!r} cannot be the name of a folder, which an archive has for it",
            hint="re-run the course under another name",
        )
    plain = with_root(plain, COURSE_ROOT)
    links = Links(Identity(key.org or "", key.course or "", run, plain.root), None)
    writer = BlockWriter(key, plain.blocks, links, problems)
    root = _normal_root(plain.blocks[plain.root], key, links)
    writer.put(f"course/{run.replace(':', '/')}.xml", f"{_course_element(writer, root)}\n")
    entries = {f"course/{run}": _policy(writer, root)}
    write_pages(writer, plain.blocks, root.settings.get("tabs"))
    pointer = {"url_name": run, "org": key.org or "", "course": key.course or ""}
    writer.files["course.xml"] = element_text("course", pointer).encode()
    grading = root.content.get("grading_policy")
    if isinstance(grading, Mapping):
        writer.put(f"policies/{run}/grading_policy.json", json_text(grading, indent=4))
    writer.put(f"policies/{run}/policy.json", json_text(entries, indent=4))
    writer.put("assets/assets.xml", metadata_xml(plain.assets))
    write_left(writer)
    drafts = write_drafts(really_drafts(plain, writer), links, problems)
    return writer.files | drafts


def _library(plain: PlainCourse, problems: Problems) -> dict[str, bytes]:
    key = plain.key
    links = Links(Identity(key.org or "", key.course or "", None, plain.root), None)
    writer = BlockWriter(key, plain.blocks, links, problems)
    root = plain.blocks[plain.root]
    attributes = pure_attributes(root)
    options = options_of(attributes)
    writer.leave(root, attributes.left)
    head = {"url_name": "library", FAMILY: "xblock.v1", "org": key.org or "", "library": key.course or ""}
    text = element_text(
        "library",
        {**head, **attributes.others, **attributes.fields},
        indented([*asides_of(writer, root), *options, *writer.children(root)]),
    )
    writer.put("library.xml", f"{text}\n")
    write_left(writer)
    return writer.files


def _normal_root(block: PlainBlock, key: CourseKey, links: Links) -> PlainBlock:
    """The course block as the reader completes it."""
    content, settings = dict(normal_content(block).content), dict(block.settings)
    content["wiki_slug"] = content.get("wiki_slug") or key.course
    if isinstance(grading := content.get("grading_policy"), Mapping):
        content["grading_policy"] = completed_grading(grading)
    if "pdf_textbooks" in settings:
        settings["pdf_textbooks"] = portable_books(settings["pdf_textbooks"], links)
    return replace(block, content=content, settings=settings)


def _policy(writer: BlockWriter, root: PlainBlock) -> dict[str, Any]:
    """The settings of the course block as its policy says them. Those that no field is named after it keeps
    as it keeps attributes: among ``xml_attributes``.
    """
    attributes = classic_attributes(root, writer.course, skip=_ELSEWHERE)
    others = root.settings.get(OTHERS)
    entry, kept = {}, {**attributes.others, **(others if isinstance(others, Mapping) else {})}
    for name, value in native_fields("course", root.settings).items():
        if field_of("course", name) is not None and name != OTHERS:
            entry[name] = value
        elif name in attributes.left and not (name == OTHERS and isinstance(others, Mapping)):
            writer.leave(root, {name: attributes.left[name]})
    # The reader takes none of these: they say where a platform has read the block.
    if kept := {name: value for name, value in kept.items() if name not in FIELD_NAMES_NEVER_READ}:
        entry[OTHERS] = native(kept)
    return entry


def _course_element(writer: BlockWriter, root: PlainBlock) -> str:
    """The course block. Its settings are in its policy too, which can say everything."""
    attributes = classic_attributes(root, writer.course, skip=_ELSEWHERE)
    books = root.content.get("textbooks")
    parts = asides_of(writer, root)
    content = {name: value for name, value in attributes.left.items() if name in root.content}
    if books is not None and not _are_textbooks(books):
        content["textbooks"] = native(books)
    if not isinstance(grading := root.content.get("grading_policy", {}), Mapping):
        content["grading_policy"] = native(grading)
    if books is not None and _are_textbooks(books):
        for book in books:
            texts = zip(("title", "book_url"), book, strict=True)
            parts.append(element_text("textbook", {name: text for name, text in texts if text is not None}))
    if _is_text(slug := root.content["wiki_slug"]):
        parts.append(element_text("wiki", {"slug": slug}))
    else:
        content["wiki_slug"] = native(slug)
    writer.leave(root, content)
    parts += writer.children(root)
    return element_text("course", {**attributes.fields, **attributes.others}, indented(parts))


def _are_textbooks(books: Any) -> bool:
    return isinstance(books, list) and all(
        isinstance(book, list | tuple)
        and len(book) == 2
        and all(text is None or _is_text(text) for text in book)
        for book in books
    )


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and is_xml_text(value)
