"""Blocks that are not in the table of contents."""

from __future__ import annotations

from collections.abc import Sequence

from modulestore.model.views.collecting import Collector, OwnField
from modulestore.model.views.transforming import User
from modulestore.model.views.view import CourseView

__all__ = ["HideFromToc"]

_HIDE_FROM_TOC = OwnField("hide_from_toc")


class HideFromToc:
    """Annotates blocks that a table of contents leaves out, for staff too: ``hidden_from_toc`` is true on
    those that set ``hide_from_toc``, and on all that is only reached through them.

    They stay in the view: who knows their address may visit them. An outline is drawn with
    ``view.walk(prune=lambda block: block.annotations.get("hidden_from_toc", False))``.
    """

    collectors: Sequence[Collector] = (_HIDE_FROM_TOC,)

    def transform(self, view: CourseView, user: User, /) -> CourseView:
        shown = view.filtered(lambda block: not block.collected(_HIDE_FROM_TOC))
        hidden = set(view.positions).difference(shown.positions)
        return view.annotated("hidden_from_toc", dict.fromkeys(hidden, True))
