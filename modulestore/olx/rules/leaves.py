"""Blocks without children whose fields are in attributes.

Source: course archive format, type rules of discussion and poll_question, pure blocks.
"""

from __future__ import annotations

from modulestore.model.fields import Kind, fields_of
from modulestore.olx.attributes import take_classic, take_options, take_pure
from modulestore.olx.reading import Reading
from modulestore.olx.rules.bodies import keep_xml
from modulestore.olx.xml import children_of, remove_child, stray_text

__all__ = ["INNER_XML", "discussion", "poll_question", "pure"]

# Keeps what is inside an element whose type has no field for it.
INNER_XML = "inner_xml"

_DISCUSSION_NAMES = {"name": "display_name", "id": "discussion_id", "for": "discussion_target"}


def pure(reading: Reading) -> None:
    """Fields in attributes. Elements inside, of which only the type's own code knows, are kept as XML."""
    take_options(reading)
    take_pure(reading)
    if len(reading.element) or stray_text(reading.element):
        data = fields_of(reading.key.type).get("data")
        keep_xml(reading, "data" if data is None or data.kind is Kind.STRING else INNER_XML)


def discussion(reading: Reading) -> None:
    """A topic of the forum: read like a classic block, under the attribute names of old too."""
    take_classic(reading, translated=_DISCUSSION_NAMES)
    if len(reading.element) or stray_text(reading.element):
        reading.content[INNER_XML] = reading.loader.inner(reading.element)


def poll_question(reading: Reading) -> None:
    """A question with its answers: the answers are elements, the question is the XML around them."""
    take_classic(reading)
    answers = []
    for child in children_of(reading.element):
        if child.tag == "answer" and child.get("id"):
            answers.append({"id": child.get("id"), "text": reading.loader.inner(child)})
            remove_child(reading.element, child)
    if not answers:
        reading.report("it has no answer with an id", "read without answers")
    reading.put("answers", answers)
    reading.put("question", reading.loader.inner(reading.element))
