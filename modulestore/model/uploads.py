"""What an uploaded file is called, and what is known of it before its bytes are read."""

from __future__ import annotations

import re
from dataclasses import dataclass

from modulestore.errors import InvalidInput
from modulestore.keys import ContextKey, asset_name
from modulestore.model.files import CourseFile

__all__ = ["Description", "checked_display_name"]

_TOKEN = r"[\w!#$&^.+-]+"
_is_content_type = re.compile(rf"{_TOKEN}/{_TOKEN}(?:\s*;[ -~]*)?", re.ASCII).fullmatch


@dataclass(frozen=True, slots=True)
class Description:
    """A file as who uploads it describes it.

    Attributes:
        path: its name, or a path that becomes one.
        content_type: MIME type; None if it is not known.
        display_name, locked, import_path: None for those of the file that is replaced.

    Raises:
        InvalidInput: no file can be described so.
    """

    path: str
    content_type: str | None = None
    display_name: str | None = None
    locked: bool | None = None
    import_path: str | None = None

    def __post_init__(self) -> None:
        if not self.name.strip("._"):
            raise InvalidInput(f"{self.path!r} cannot be the name of a file")
        if self.content_type is not None and not _is_content_type(self.content_type):
            raise InvalidInput(
                f"{self.content_type!r} is no MIME type", place=self.path, hint="as in image/png"
            )
        if self.display_name is not None:
            checked_display_name(self.display_name)
        for path in (self.import_path, self.path if "/" in self.path else None):
            if path is not None:
                _check_path(path, self.name)

    @property
    def name(self) -> str:
        """The name that it is kept under."""
        return asset_name(self.path)

    @property
    def kept(self) -> list[str]:
        """What of the metadata stays as it is in the file that is replaced."""
        return [name for name in ("display_name", "locked", "import_path") if getattr(self, name) is None]

    def as_file(self, course: ContextKey, replaced: CourseFile | None) -> CourseFile:
        """The file without what its bytes say. What is not described stays as it is in the file that is
        replaced.
        """
        if replaced is None:
            shown, locked = self.path.rpartition("/")[2], False
            import_path = self.path if "/" in self.path else None
        else:
            shown, locked, import_path = replaced.display_name, replaced.locked, replaced.import_path
        return CourseFile(
            key=course.asset(self.name),
            length=0,
            display_name=shown if self.display_name is None else self.display_name,
            content_type=self.content_type,
            locked=locked if self.locked is None else self.locked,
            import_path=import_path if self.import_path is None else self.import_path,
        )


def checked_display_name(name: str) -> str:
    """A name to show to authors.

    Raises:
        InvalidInput: there is nothing in it to read, or more than one line.
    """
    if not name.strip() or not name.isprintable():
        raise InvalidInput(f"{name!r} cannot be shown as a name")
    return name


def _check_path(path: str, name: str) -> None:
    # An export makes these folders.
    if any(part in ("", ".", "..") for part in path.split("/")) or not path.isprintable():
        raise InvalidInput(f"{path!r} is no path below static/", hint="as in images/tides.png")
    if asset_name(path) != name:
        raise InvalidInput(
            f"a file imported from {path!r} gets the name {asset_name(path)!r}",
            place=name,
            hint="store it under that name, or leave the import path out",
        )
