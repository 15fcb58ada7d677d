"""A small course to try things on."""

from __future__ import annotations

from modulestore._async.store import AsyncStore
from modulestore.model.values import Author

__all__ = ["SMALL_COURSE", "make_small_course"]

SMALL_COURSE = "course-v1:Example+Small+2026"


async def make_small_course(store: AsyncStore, key: str = SMALL_COURSE, *, author: Author = "maker") -> None:
    """Two chapters, two sequences, three units, and a page; all of it published.

    ``one > first > a > (a1, a2)``, ``first > b > b1``, ``one > second > c > c1``, ``two``; the page is
    ``news``.
    """
    await store.create_course(key, title="A small course", author=author)
    async with store.edit(key, author=author) as edit:
        one = edit.add("chapter", edit.course.root, id="one", display_name="One")
        edit.add("chapter", edit.course.root, id="two", display_name="Two")
        first = edit.add("sequential", one, id="first", display_name="First")
        second = edit.add("sequential", one, id="second", display_name="Second")
        unit = edit.add("vertical", first, id="a", display_name="A")
        edit.add("html", unit, id="a1", display_name="A one", data="<p>a1</p>")
        edit.add("problem", unit, id="a2", display_name="A two", data="<problem/>", weight=1.0)
        unit = edit.add("vertical", first, id="b", display_name="B")
        edit.add("html", unit, id="b1", display_name="B one", data="<p>b1</p>")
        unit = edit.add("vertical", second, id="c", display_name="C")
        edit.add("html", unit, id="c1", display_name="C one", data="<p>c1</p>")
        edit.add("static_tab", id="news", display_name="News", data="<p>news</p>")
    await store.publish(key, author=author)
