"""Where this library does better than the platform, and means to: scenario, step, what, why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from modulestore.model.branches import DRAFT, PUBLISHED

__all__ = ["BETTER_ON_PURPOSE", "Better", "Kind"]


class Kind(StrEnum):
    """What of the platform's result is not there, or differs, on purpose."""

    NO_VERSION = "no version where nothing differs"
    NO_BLOCK = "no trace of a failed creation"
    NO_DEFINITION = "no definition that no block has"
    OTHER_ID = "another generated id"
    EDIT_INFO = "edit info of a block"


@dataclass(frozen=True)
class Better:
    """One difference on purpose: where, what and why. ``of``: a branch, a block, or both."""

    scenario: str
    step: int
    kind: Kind
    of: tuple[str, ...]
    why: str


_FIRST = "the platform writes an empty definition of the root, and a second one with what its class computes"
_TWICE = (
    "the platform publishes the block once for every edit in one version, so it is its own previous version"
)
BETTER_ON_PURPOSE = (
    Better("01-course-create", 0, Kind.NO_DEFINITION, (), _FIRST),
    Better("01-course-create", 3, Kind.NO_DEFINITION, (), _FIRST),
    Better("02-nested-create", 0, Kind.NO_DEFINITION, (), _FIRST),
    Better("05-publish-unit", 0, Kind.NO_DEFINITION, (), _FIRST),
    Better("07-unpublish", 0, Kind.NO_DEFINITION, (), _FIRST),
    Better("12-library-template", 5, Kind.NO_DEFINITION, (), _FIRST),
    Better("13-asides", 0, Kind.NO_DEFINITION, (), _FIRST),
    Better("17-course-1000-blocks", 0, Kind.NO_DEFINITION, (), _FIRST),
    Better(
        "02-nested-create", 11, Kind.OTHER_ID, ("html", "html1"), "ids of deleted blocks are not given again"
    ),
    Better(
        "02-nested-create", 12, Kind.OTHER_ID, ("html", "html2"), "ids of deleted blocks are not given again"
    ),
    Better(
        "02-nested-create",
        17,
        Kind.EDIT_INFO,
        (PUBLISHED, "course", "course"),
        "a block that stands beside the tree is no child: what was named its parent is not published again",
    ),
    Better("02-nested-create", 17, Kind.EDIT_INFO, (PUBLISHED, "static_tab", "tab2"), _TWICE),
    Better("02-nested-create", 19, Kind.NO_VERSION, (DRAFT,), "a creation that fails changes nothing"),
    Better("02-nested-create", 19, Kind.NO_DEFINITION, (), "a creation that fails writes nothing"),
    Better("02-nested-create", 20, Kind.NO_VERSION, (DRAFT,), "a creation that fails changes nothing"),
    Better("02-nested-create", 20, Kind.NO_BLOCK, ("html", "lost"), "a creation that fails leaves no orphan"),
    Better(
        "05-publish-unit",
        20,
        Kind.NO_VERSION,
        (PUBLISHED,),
        "what is published already is not published again",
    ),
    Better("12-library-template", 23, Kind.NO_VERSION, (DRAFT,), "a copy that fails changes nothing"),
    Better("13-asides", 12, Kind.NO_VERSION, (DRAFT,), "an aside that is set to what it is does not change"),
    Better("17-course-1000-blocks", 1044, Kind.EDIT_INFO, (PUBLISHED, "course", "course"), _TWICE),
)
"""Where this library does better than the platform, and means to."""
