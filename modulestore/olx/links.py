"""Links in texts that only work in the course that they were written for, made portable.

Source: course archive format, static files and assets. Only what stands between quotes is looked at. Links of
the form ``/asset-v1:…`` stay, as they do on the platform.
"""

from __future__ import annotations

import re

from modulestore.keys import ContextKey, CourseKey
from modulestore.olx.identity import Identity

__all__ = ["Links"]


class Links:
    """Rewrites the links to one course."""

    def __init__(self, identity: Identity, target: ContextKey | None) -> None:
        org, course = re.escape(identity.org), re.escape(identity.course)
        run = re.escape(identity.run or "")
        source = f"{org}/{course}/{run}"
        self._asset = re.compile(
            rf"""(?P<quote>\\?["'])/c4x/{org}/{course}/asset/(?P<name>[^"'\\]*)(?P=quote)"""
        )
        self._jump = re.compile(
            rf"""(?P<quote>\\?["'])/courses/{source}/jump_to/i4x://[^/"']+/[^/"']+/[^/"']+/"""
            r"""(?P<name>[^"'\\/]+)(?P=quote)"""
        )
        self._course = re.compile(rf"""(?P<quote>\\?["'])/courses/{source}(?P<rest>/[^"'\\]*)?(?P=quote)""")
        self._bare_asset = re.compile(rf"/c4x/{org}/{course}/asset/(?P<name>.*)", re.DOTALL)
        self._target = target if isinstance(target, CourseKey) else None

    def portable(self, text: str) -> str:
        """A body with its links made portable: the same text if it has none."""
        if "/c4x/" in text:
            text = self._asset.sub(r"\g<quote>/static/\g<name>\g<quote>", text)
        if "/courses/" in text:
            text = self._jump.sub(r"\g<quote>/jump_to_id/\g<name>\g<quote>", text)
            if self._target is not None:
                text = self._course.sub(self._moved, text)
        return text

    def portable_url(self, url: str) -> str:
        """A value that is one link."""
        match = self._bare_asset.fullmatch(url)
        return f"/static/{match['name']}" if match else url

    def _moved(self, match: re.Match[str]) -> str:
        return f"{match['quote']}/courses/{self._target}{match['rest'] or ''}{match['quote']}"
