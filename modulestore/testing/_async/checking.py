"""A look over a whole store: whether everything that is pointed to is there, and is sound."""

from __future__ import annotations

from modulestore._async.check_run import Check
from modulestore._async.ports import Backend
from modulestore.testing.soundness import as_texts

__all__ = ["check_store"]


async def check_store(backend: Backend, *, tree: bool = True) -> list[str]:
    """What is wrong with a database, in words; nothing if all is well.

    For tests: it reads everything, and old versions have to be as sound as heads. What is only left over, or
    under way, is no fault.

    Args:
        tree: a block with several parents is wrong too (see `structure_problems`).
    """
    check = Check(backend.past_cache(), None, deep=True, progress=lambda what, done, total: None)
    report = await check.run()
    return as_texts(report.problems, tree=tree)
