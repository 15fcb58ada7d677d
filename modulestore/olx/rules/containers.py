"""Blocks whose child elements are blocks.

Source: course archive format, type rules of course, sequential and chapter, vertical, conditional, library
root.
"""

from __future__ import annotations

from typing import Any

from modulestore.olx.attributes import take_classic, take_options, take_pure
from modulestore.olx.links import Links
from modulestore.olx.reading import Reading
from modulestore.olx.xml import children_of, drop_attribute, remove_child

__all__ = ["CONDITIONS", "conditional", "container", "course", "library", "portable_books"]

CONDITIONS = ("submitted", "attempted", "correct", "voted", "poll_answer")


def container(reading: Reading) -> None:
    """Settings in attributes, blocks inside."""
    take_classic(reading)
    reading.read_children()


def course(reading: Reading) -> None:
    """The course block: textbooks and the wiki stand among its children."""
    textbooks = []
    for child in children_of(reading.element):
        if child.tag == "textbook":
            textbooks.append([child.get("title"), child.get("book_url")])
        elif child.tag == "wiki":
            if slug := child.get("slug"):
                reading.put("wiki_slug", slug)
        else:
            continue
        remove_child(reading.element, child)
    if textbooks:
        reading.put("textbooks", textbooks)
    container(reading)
    if "pdf_textbooks" in reading.settings:
        reading.settings["pdf_textbooks"] = portable_books(
            reading.settings["pdf_textbooks"], reading.loader.links
        )


def portable_books(books: Any, links: Links) -> Any:
    """Textbooks with the links of their chapters made portable."""
    if not isinstance(books, list):
        return books
    return [
        {**book, "chapters": [_portable_chapter(chapter, links) for chapter in book["chapters"]]}
        if isinstance(book, dict) and isinstance(book.get("chapters"), list)
        else book
        for book in books
    ]


def _portable_chapter(chapter: Any, links: Links) -> Any:
    if isinstance(chapter, dict) and isinstance(chapter.get("url"), str):
        return {**chapter, "url": links.portable_url(chapter["url"])}
    return chapter


def library(reading: Reading) -> None:
    """The root of a library: written as a pure block, with blocks inside."""
    for name in ("org", "library", "course"):
        drop_attribute(reading.element, name)
    pure_container(reading)


def pure_container(reading: Reading) -> None:
    """Settings in attributes and options, blocks inside."""
    take_options(reading)
    take_pure(reading)
    reading.read_children()


def conditional(reading: Reading) -> None:
    """A block that shows its children on a condition; ``<show>`` lists blocks from elsewhere."""
    references, element = reading.loader.references, reading.element
    take_classic(reading, skip=("sources", "message", *CONDITIONS))
    sources = [text for text in element.get("sources", "").split(";") if text.strip()]
    reading.put("sources_list", references.stored_list([text.strip() for text in sources], reading.place()))
    for condition in CONDITIONS:
        if (value := element.get(condition)) is not None:
            reading.put("conditional_attr", condition)
            reading.put("conditional_value", value)
    if (message := element.get("message")) is not None:
        reading.put("conditional_message", message)
    shown: list[Any] = []
    reading.children = {}
    for child in children_of(element):
        if child.tag != "show":
            reading.add_child(reading.loader.load(child, reading.path), child)
            continue
        texts = [text.strip() for text in child.get("sources", "").split(";") if text.strip()]
        stored = references.stored_list(texts, reading.place(child))
        shown.extend(stored)
        for key in references.blocks(stored):
            reading.add_child(key, child)
    reading.put("show_tag_list", shown)
