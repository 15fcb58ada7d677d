"""Versions and their names: history, tags, what one block went through."""

from __future__ import annotations

from modulestore._async.commits import message_kind
from modulestore._async.ports import Backend
from modulestore._async.preparing import prepare_write
from modulestore._async.reading import find_entry, find_head, load_chain
from modulestore._async.store_base import StoreBase
from modulestore.errors import Conflict, InvalidInput, VersionNotFound
from modulestore.keys import ContextKey, VersionId, as_course_key, as_usage_key
from modulestore.model.branches import STORED_NAMES, branch_name
from modulestore.model.history import BlockVersion, VersionInfo, block_versions
from modulestore.model.index import IndexEntry
from modulestore.model.structure import Structure
from modulestore.model.values import Author

__all__ = ["TAG", "HistoryStore", "find_version", "tag_kind"]

TAG = "tag "  # what the kinds of the records of tags begin with

# Structures that a look through the history of one block holds at a time.
_BATCH = 16


def tag_kind(key: ContextKey) -> str:
    """Kind of the records of a course's tags; each has the tag's name for a key."""
    return f"{TAG}{key.bare}"


async def find_version(backend: Backend, entry: IndexEntry, name: VersionId | str) -> VersionId:
    """The version that a name stands for: an id, a tag of the course, or one of its branches.

    Raises:
        VersionNotFound: it stands for none.
    """
    if isinstance(name, VersionId):
        return name
    branch = branch_name(name)
    if branch in STORED_NAMES and branch in entry.heads:
        return entry.heads[branch]
    tag = await backend.records.get(tag_kind(entry.key), name)
    if tag is not None:
        return VersionId.parse(str(tag.value["version"]))
    if len(name) == 24:
        return VersionId.parse(name)
    raise VersionNotFound(
        f"{name!r} is no version, tag or branch",
        place=str(entry.key),
        hint="`modulestore log` lists versions",
    )


class HistoryStore(StoreBase):
    """The part of the store that looks back."""

    async def history(
        self, key: object, *, branch: str | None = None, limit: int | None = None
    ) -> list[VersionInfo]:
        """Versions of a branch, newest first, with messages and tags.

        Cost: the index, the head, its headers in batches of a thousand, messages, tags: five round trips for
        up to a thousand versions.

        Raises:
            CourseNotFound, BranchNotFound: there is no such branch.
        """
        course_key = as_course_key(key)
        entry = await find_entry(self._backend, course_key)
        _, head = find_head(entry, course_key, branch)
        headers = (await load_chain(self._backend, head))[:limit]
        messages = {
            record.key: str(record.value["message"])
            for record in await self._backend.records.list(message_kind(entry.key))
        }
        tags: dict[str, list[str]] = {}
        for record in await self._backend.records.list(tag_kind(entry.key)):
            tags.setdefault(str(record.value["version"]), []).append(record.key)
        return [
            VersionInfo(
                version=header.id,
                previous=header.previous_version,
                author=header.edited_by,
                edited_on=header.edited_on,
                message=messages.get(str(header.id)),
                tags=tuple(sorted(tags.get(str(header.id), ()))),
            )
            for header in headers
        ]

    async def version(self, key: object, name: VersionId | str) -> VersionInfo:
        """What is known of one version of a course: an id, a tag, or a branch, whose head is meant.

        Raises:
            CourseNotFound, VersionNotFound: there is no such version.
        """
        entry = await find_entry(self._backend, as_course_key(key))
        version = await find_version(self._backend, entry, name)
        header = (await self._reader.structure(version)).header
        message = await self._backend.records.get(message_kind(entry.key), str(version))
        tags = await self._backend.records.list(tag_kind(entry.key))
        return VersionInfo(
            version=version,
            previous=header.previous_version,
            author=header.edited_by,
            edited_on=header.edited_on,
            message=str(message.value["message"]) if message else None,
            tags=tuple(sorted(tag.key for tag in tags if tag.value["version"] == str(version))),
        )

    async def block_history(self, key: object, *, branch: str | None = None) -> list[BlockVersion]:
        """The versions of a branch in which a block changed, newest first: who did what to it when.

        Reads every version of the branch, 16 at a time. Versions that were pruned are passed over.

        Raises:
            CourseNotFound, BranchNotFound: there is no such branch.
        """
        usage = as_usage_key(key)
        entry = await find_entry(self._backend, usage.course)
        _, head = find_head(entry, usage.course, branch)
        versions = [header.id for header in await load_chain(self._backend, head)]
        found: list[BlockVersion] = []
        newer: Structure | None = None
        for start in range(0, len(versions), _BATCH):
            batch = versions[start : start + _BATCH]
            structures = await self._reader.structures(batch)
            for version in batch:
                older = structures[version]
                change = None if newer is None else block_versions(newer, older, usage.block_key)
                found += [change] if change else []
                newer = older
        first = None if newer is None else block_versions(newer, None, usage.block_key)
        return found + ([first] if first else [])

    async def tag(
        self, key: object, version: VersionId | str, name: str, *, author: Author = -1
    ) -> VersionId:
        """Give a version a name; a tagged version is never pruned.

        Args:
            version: its id, another tag, or a branch, whose head is meant.
            name: any text that is no id and no branch; the name of no other version of the course.

        Raises:
            CourseNotFound, VersionNotFound: there is no such version.
            Conflict: another version has this name.
        """
        course_key = as_course_key(key)
        if not name.strip() or name in STORED_NAMES or branch_name(name) in STORED_NAMES or len(name) == 24:
            raise InvalidInput(
                f"{name!r} cannot be a tag", hint="not empty, no branch's name, not as long as an id"
            )
        entry = await find_entry(self._backend, course_key)
        found = await find_version(self._backend, entry, version)
        await self._reader.structures([found])
        await prepare_write(self._backend, author, self._rules)
        await self._guard.expect_version(self._backend, found)  # this process may have what is gone at hand
        value = {"version": str(found), "author": author, "created_on": self._now()}
        is_new = await self._backend.records.put_if_absent(tag_kind(entry.key), name, value)
        there = await self._backend.records.get(tag_kind(entry.key), name)
        if there is None or there.value["version"] != str(found):
            raise Conflict(
                f"another version is tagged {name!r}", place=str(entry.key), hint="choose another name"
            )
        try:
            await self._guard.expect_version(self._backend, found)
        except VersionNotFound:
            if is_new:
                await self._backend.records.delete(there)
            raise
        return found

    async def untag(self, key: object, name: str) -> bool:
        """Take a name from a version; whether one had it."""
        entry = await find_entry(self._backend, as_course_key(key))
        record = await self._backend.records.get(tag_kind(entry.key), name)
        return record is not None and await self._backend.records.delete(record)
