"""How the content and the children of each type of block are read: one *rule* per type.

Source: course archive format, type rules.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from modulestore.model.fields import BLOCK_TYPES, BlockType
from modulestore.olx.reading import Reading
from modulestore.olx.rules.bodies import html, problem, raw, with_optional_xml
from modulestore.olx.rules.containers import conditional, container, course, library
from modulestore.olx.rules.leaves import discussion, poll_question, pure
from modulestore.olx.rules.video import video

__all__ = ["rule_of"]

Rule = Callable[[Reading], None]

_RULES: Mapping[str, Rule] = {
    "conditional": conditional,
    "course": course,
    "discussion": discussion,
    "html": html,
    "library": library,
    "lti": with_optional_xml,
    "poll_question": poll_question,
    "problem": problem,
    "video": video,
    "word_cloud": with_optional_xml,
}


def rule_of(block_type: str) -> Rule:
    """The rule of a type: its own, or that of its kind; a type that is not known is kept as XML."""
    return _RULES.get(block_type) or _rule_of_kind(BLOCK_TYPES.get(block_type))


def _rule_of_kind(known: BlockType | None) -> Rule:
    if known is None:
        return raw
    if known.container:
        return container
    return raw if known.classic else pure
