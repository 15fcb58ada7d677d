"""Which course or library an archive says that it holds.

Source: course archive format, root and identity.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from modulestore.errors import InvalidArchive, InvalidKey
from modulestore.keys import BlockKey, ContextKey, CourseKey, LibraryKey
from modulestore.olx.names import cleaned
from modulestore.olx.xml import Element

__all__ = ["COURSE_ROOT", "Identity", "course_identity", "library_identity"]

COURSE_ROOT: Final = BlockKey("course", "course")
"""The root block of a course, whatever an archive calls it."""

_HINT = "pass --key to say under which key to read it"


class Identity(NamedTuple):
    """The names in the root element, as they are written: what links and references in the archive use.

    Attributes:
        org, course: the names; a library's ``course`` is its own name.
        run: of a course; its file, its policies and its references to itself go by this name.
        root: the block that stands for the whole.
    """

    org: str
    course: str
    run: str | None
    root: BlockKey

    def key(self, place: str) -> ContextKey:
        """The key of the course or library.

        Raises:
            InvalidArchive: these names make no key.
        """
        try:
            if self.root.type == "library":
                return LibraryKey(self.org, self.course)
            return CourseKey(self.org, self.course, self.run)
        except InvalidKey as error:
            raise InvalidArchive(f"its names make no key: {error.message}", place=place, hint=_HINT) from None


def course_identity(root: Element, folder: str, place: str) -> Identity:
    """Who a ``course.xml`` says that it is.

    Raises:
        InvalidArchive: it does not say which run.
    """
    run = root.get("url_name") or root.get("slug") or cleaned(root.get("name") or "")
    if not run:
        raise InvalidArchive(
            "the course has no url_name, slug or name", place=place, hint="give it a url_name"
        )
    org = root.get("org") or "edx"
    return Identity(org, root.get("course") or folder, run, COURSE_ROOT)


def library_identity(root: Element, folder: str) -> Identity:
    """Who a ``library.xml`` says that it is."""
    org = root.get("org") or "edx"
    return Identity(org, root.get("library") or folder, None, BlockKey("library", "library"))
