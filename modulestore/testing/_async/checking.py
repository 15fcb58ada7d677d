"""A look over a whole store: whether everything that is pointed to is there, and is sound."""

from __future__ import annotations

from modulestore._async.ports import Backend
from modulestore._async.reading import Reader
from modulestore._async.roots import read_roots
from modulestore._async.waiting import closing
from modulestore.errors import CorruptDocument, VersionNotFound
from modulestore.keys import VersionId
from modulestore.testing.soundness import structure_problems

__all__ = ["check_store"]


async def check_store(backend: Backend, *, tree: bool = True) -> list[str]:
    """What is wrong with a database, in words; nothing if all is well.

    Looked at are the heads of every course and all versions behind them, and what kept conflicts, tags and
    deleted courses point to. For tests: it reads everything.

    Args:
        tree: a block with several parents is wrong too (see `structure_problems`).
    """
    found: list[str] = []
    wanted = {root.version: str(root) for root in reversed(await read_roots(backend))}
    seen: set[VersionId] = set()
    definitions: dict[VersionId, str] = {}
    reader = Reader(backend)
    while wanted:
        behind: dict[VersionId, str] = {}
        for version, where in wanted.items():
            seen.add(version)
            try:
                structure = await reader.structure(version)
            except (VersionNotFound, CorruptDocument) as error:
                found.append(f"{where}: {error}")
                continue
            problems = structure_problems(structure, tree=tree)
            found += [f"{where}, version {version}: {problem}" for problem in problems]
            definitions.update(dict.fromkeys(structure.definitions, f"{where}, version {version}"))
            previous = structure.header.previous_version
            if previous is not None:
                behind[previous] = where if where.startswith("before") else f"before {where}"
        wanted = {version: where for version, where in behind.items() if version not in seen}
    return found + await _definition_problems(backend, definitions)


async def _definition_problems(backend: Backend, wanted: dict[VersionId, str]) -> list[str]:
    there: set[VersionId] = set()
    async with closing(backend.definitions.ids()) as batches:
        async for batch in batches:
            there.update(batch)
    return [f"{where}: there is no definition {one}" for one, where in wanted.items() if one not in there]
