"""Looking over a database: what refers to what, from the index down to the bytes of files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from modulestore._async.checking_bytes import (
    check_files,
    count_definitions,
    count_file_leftovers,
    count_structures,
)
from modulestore._async.checking_histories import HistoryReader, there
from modulestore._async.checking_records import KeptRecords, no_course_problem, read_records
from modulestore._async.checking_versions import LoadedVersion, VersionChecker
from modulestore._async.ports import Backend
from modulestore._async.substitutes import find_substitute
from modulestore._async.waiting import closing
from modulestore.errors import CorruptDocument, CourseNotFound, VersionNotFound
from modulestore.keys import BlockKey, ContextKey, VersionId
from modulestore.model.branches import DRAFT, PUBLISHED
from modulestore.model.index import FaultyEntry, IndexEntry
from modulestore.model.structure import Structure
from modulestore.model.values import Progress
from modulestore.upkeep.checking.blocks import Insides, reached
from modulestore.upkeep.checking.entries import entry_problems, faulty_problems, sql_problems
from modulestore.upkeep.checking.histories import Histories, history_problems
from modulestore.upkeep.checking.problems import (
    CheckReport,
    Kind,
    Problem,
    Severity,
    Spot,
    repair_of,
)
from modulestore.upkeep.roots import Root, RootKind

__all__ = ["Check"]

_SEVERITIES: Final = list(Severity)
_COUNTED: Final = ("courses", "versions", "heads", "whole_versions", "blocks", "files")


class Check:
    """One look over a database, or over one course of it.

    Attributes:
        entries: of the index, as far as they can be read.
        records: what the library remembers beside the documents.
        versions: reads versions whole.
        reader: has read how versions follow each other.
        missing: structures that something leads to, and that are not there.
    """

    def __init__(
        self,
        database: Backend,
        key: ContextKey | None,
        *,
        deep: bool = False,
        messages: bool = False,
        heads: Mapping[str, Mapping[str, VersionId]] | None = None,
        progress: Progress,
    ) -> None:
        """Look at a database, past its cache.

        Args:
            key: only this course.
            deep: every version, and all bytes of files.
            messages: whether commit messages belong to courses.
            heads: of a platform's SQL index, by key and branch.
        """
        self._database = database
        self._course = None if key is None else str(key.bare)
        self._key = key
        self._deep = deep
        self._messages = messages or deep
        self._sql = {} if heads is None else heads
        self._has_sql = heads is not None
        self._progress = progress
        self._counts = Counter(dict.fromkeys(_COUNTED, 0))
        self._problems: list[Problem] = []
        self._said: set[VersionId] = set()  # versions of which it was said that they cannot be read
        self._pins: set[VersionId] = set()  # and other versions that something needs
        self._has_lost_heads = False
        self._needed: set[VersionId] = set()
        self._definitions: set[VersionId] = set()
        self._broken_entries: list[Problem] = []
        self._roots: list[Root] = []
        self._courses: dict[VersionId, str] = {}  # by the first version of their histories
        self.entries: list[IndexEntry] = []
        self.records = KeptRecords()
        self.versions = VersionChecker(database)
        self.reader = HistoryReader(database)
        self.missing: set[VersionId] = set()

    @property
    def knows_all_courses(self) -> bool:
        """Whether every index entry could be read: else it is not known which courses there are."""
        return not self._broken_entries

    @property
    def histories(self) -> Histories:
        """How versions follow each other."""
        return self.reader.histories

    async def run(self) -> CheckReport:
        """Look at everything.

        Raises:
            CourseNotFound: the course is neither there nor deleted.
            UnknownFormat: a later release wrote here what this one would take for damage.
        """
        await self._read_roots()
        await self._read_histories()
        for entry in self.entries:
            if self._course in (None, str(entry.key)):
                await self._look_at_heads(entry)
        await self._look_at_roots()
        self._needed = self.histories.needed_by({*(root.version for root in self._roots), *self._pins})
        if self._deep:
            await self._look_at_history()
        self._tell_histories()
        await self._look_at_bytes()
        return self._report()

    # --- what refers to versions

    async def _read_roots(self) -> None:
        entries, faulty = await self._database.index.list_readable()
        self.entries = list(entries)
        self.records = await read_records(self._database, messages=self._messages)
        self._tell_index(faulty)
        heads = [
            Root(RootKind.HEAD, head, str(entry.key), branch)
            for entry in entries
            for branch, head in entry.heads.items()
        ]
        sql = [
            Root(RootKind.SQL_HEAD, head, course, branch)
            for course, branches in self._sql.items()
            for branch, head in branches.items()
        ]
        kept = [root for _, roots in self.records.roots for root in roots]
        self._roots = [root for root in (*heads, *sql, *kept) if self._course in (None, root.course)]
        if self._course is not None and not self._roots:
            raise CourseNotFound(
                f"there is no course {self._course}", hint="`modulestore courses` lists what is there"
            )
        self._counts["courses"] = sum(self._course in (None, str(entry.key)) for entry in entries)

    def _tell_index(self, faulty: Iterable[FaultyEntry]) -> None:
        broken = self._broken_entries = list(faulty_problems(faulty))
        found = [*entry_problems(self.entries), *self.records.problems]
        if self._has_sql:
            found += sql_problems(self.entries, self._sql)
        if self._course is None:
            self._problems += broken
            if self.knows_all_courses:
                courses = [str(entry.key) for entry in self.entries]
                found += [no_course_problem(*one) for one in self.records.of_no_course(courses)]
            self._problems += found
        else:
            self._problems += [
                problem
                for problem in found
                if problem.place == self._course or problem.place.startswith(f"{self._course},")
            ]

    async def _read_histories(self) -> None:
        roots = {root.version for root in self._roots}
        if self._course is None or not await self.reader.read_some(roots):
            self.reader = HistoryReader(self._database)
            async with closing(self.reader.read_all()) as counts:
                async for count in counts:
                    self._progress("reading headers", count, count)
        wanted = (self.histories.outside() | roots) - set(self.histories)
        self.missing = wanted - await there(self._database, wanted)
        self._counts["versions"] = len(self.histories)
        for root in reversed(self._roots):  # of several courses of one history the first by name counts
            if (original := self.histories.original(root.version)) is not None:
                self._courses[original] = root.course

    # --- versions that something refers to

    async def _look_at_heads(self, entry: IndexEntry) -> None:
        """Both branches of a course together: what one shows is not taken from the other."""
        self._progress("looking at heads", self._counts["heads"], len(self._roots))
        loaded = {
            branch: await self._load_head(entry, branch, Spot(str(entry.key), branch, head))
            for branch, head in entry.heads.items()
        }
        for branch, version in loaded.items():
            if version is not None:
                spot = Spot(str(entry.key), branch, version.structure.id)
                await self._look_at(version, spot, shown_elsewhere(loaded, branch))
        self._counts["heads"] += len(loaded)

    async def _load_head(self, entry: IndexEntry, branch: str, spot: Spot) -> LoadedVersion | None:
        try:
            loaded = await self.versions.load(spot.version)
            if loaded.structure.root is not None:
                return loaded
            message = f"it has no root block {_name(loaded.structure.header.root)}"
            kind = Kind.NO_ROOT
        except VersionNotFound:
            message, kind = "the version that it stands at is not there", Kind.HEAD_MISSING
        except CorruptDocument as error:
            message, kind = f"the version that it stands at {_why(error)}", Kind.VERSION_UNREADABLE
        self._said.add(spot.version)
        instead = await self.substitute(entry, branch)
        if instead is None:
            self._has_lost_heads = True
            message += "; no version is known that could take its place: bring back a backup of the database"
            self._problems.append(spot.problem(Severity.ERROR, kind, message))
        else:
            self._pins.add(instead.id)
            when = instead.header.edited_on
            message += f"; {instead.id} of {when:%Y-%m-%d %H:%M} can take its place"
            self._problems.append(spot.problem(Severity.ERROR, kind, message, mended=True))
        return None

    async def substitute(self, entry: IndexEntry, branch: str) -> Structure | None:
        """The version that can take the place of a head that is not there, or cannot be read."""
        if not self.reader.is_whole:
            self.reader = HistoryReader(self._database)
            async with closing(self.reader.read_all()) as counts:
                async for _ in counts:
                    pass
        others = [
            head
            for one in self.entries
            for name, head in one.heads.items()
            if (one.id, name) != (entry.id, branch)
        ]
        kept = [root for _, roots in self.records.roots for root in roots]
        others += [root.version for root in kept if root.kind is RootKind.DELETED]
        # What is kept for an author was never a head, but what it was made from was.
        taken = set(self.histories.behind(others))
        taken.update(
            root.version for root in kept if root.kind is RootKind.CONFLICT and root.name.endswith("(mine)")
        )
        return await find_substitute(self._database, self.versions, self.histories, entry, branch, taken)

    async def _look_at_roots(self) -> None:
        """What is not a head: of versions that are no longer read, wrong blocks are only worth knowing."""
        seen = {head for entry in self.entries for head in entry.heads.values()}
        for root in self._roots:
            if root.kind is RootKind.HEAD or root.version in seen:
                continue
            spot = Spot(
                root.course,
                f"{root.kind} {root.name}",
                root.version,
                is_head=False,
                is_read=root.kind is RootKind.SQL_HEAD,
            )
            if root.version in self.missing:
                if root.kind is not RootKind.RERUN:  # what that is about to write
                    self._problems.append(self._lost(root, spot))
            else:
                seen.add(root.version)
                await self._look_at_version(spot)

    def _lost(self, root: Root, spot: Spot) -> Problem:
        """What refers to a version that is not there."""
        mend = None
        message = "the version that it stands for is not there"
        lost = {id(record) for record, _ in self.records.lost(self.missing)}
        if any(id(record) in lost and root in roots for record, roots in self.records.roots):
            message += ": what is kept for it can go"
            mend = repair_of(self._course)
        elif root.kind is RootKind.DELETED:
            message += ": the course cannot be taken back as it was"
        else:
            message += ": bring back a backup of the database"
        return Problem(Severity.ERROR, spot.place(), message, mend, Kind.VERSION_MISSING)

    async def _look_at_version(self, spot: Spot) -> None:
        try:
            loaded = await self.versions.load(spot.version)
        except VersionNotFound:
            return  # gone meanwhile
        except CorruptDocument as error:
            self._said.add(spot.version)
            message = f"it {_why(error)}: bring back a backup of the database"
            self._problems.append(
                Problem(Severity.ERROR, spot.place(), message, None, Kind.VERSION_UNREADABLE)
            )
            return
        await self._look_at(loaded, spot, frozenset())

    async def _look_at(self, loaded: LoadedVersion, spot: Spot, elsewhere: frozenset[BlockKey]) -> None:
        found, insides = self.versions.problems(loaded, spot, elsewhere)
        self._problems += found
        await self._look_at_pins(insides, spot)
        self._counts["whole_versions"] += 1
        self._counts["blocks"] += len(loaded.structure)
        if self._deep:
            self._definitions.update(loaded.structure.definitions)

    async def _look_at_pins(self, insides: Insides, spot: Spot) -> None:
        wanted = {*insides.pins, *insides.sources}
        self._pins |= wanted
        unknown = {version for version in wanted if version not in self.histories}
        missing = unknown - await there(self._database, unknown)
        courses = {str(entry.key) for entry in self.entries}
        for version, (block, library) in insides.pins.items():
            if version in missing:
                message = f"the version of its library that it stays with, {version}, is not there: "
                known = str(library) in courses
                message += "update it from the library" if known else f"nor is the library {library}"
                # What is shown are copies in the course; and an archive brings pins along, but no libraries.
                self._problems.append(spot.problem(Severity.NOTE, Kind.PIN_MISSING, message, block))
        if lost := [block for version, block in insides.sources.items() if version in missing]:
            message = f"{len(lost)} versions of libraries that blocks were copied from are not there"
            self._problems.append(spot.problem(Severity.NOTE, Kind.SOURCE_MISSING, message, lost[0]))

    async def _look_at_history(self) -> None:
        """Every version behind the heads, oldest first: what is stored on others finds them at hand."""
        roots = {root.version for root in self._roots}
        behind = sorted(self._needed - roots)
        for done, version in enumerate(behind):
            self._progress("looking at versions", done, len(behind))
            if version not in self.reader.unreadable:
                spot = Spot(self._course_of(version), "", version, is_head=False, is_read=False)
                await self._look_at_version(spot)

    # --- versions together

    def _tell_histories(self) -> None:
        place = self._place
        for version, message in self.reader.differing.items():
            text = f"{message}: the document counts"
            self._problems.append(
                Problem(Severity.WARNING, place(version), text, repair_of(self._course), Kind.HEADER_DIFFERS)
            )
        for version, message in self.reader.unreadable.items():
            # Those that nothing refers to are counted with the others of these.
            if version in self._needed and version not in self._said:
                text = f"{message}: bring back a backup of the database"
                self._problems.append(
                    Problem(Severity.ERROR, place(version), text, None, Kind.VERSION_UNREADABLE)
                )
        said = set(map(place, self._said))
        for problem in history_problems(self.histories, self.missing, place):
            if problem.kind is Kind.VERSION_UNREADABLE and problem.place in said:
                continue
            self._problems.append(problem)

    def _place(self, version: VersionId) -> str:
        course = self._course_of(version)
        return f"{course}, version {version}" if course else f"version {version}"

    def _course_of(self, version: VersionId) -> str:
        original = self.histories.original(version)
        return "" if original is None else self._courses.get(original, "")

    async def _look_at_bytes(self) -> None:
        """Files, and what nothing refers to."""
        count, problems = await check_files(self._database, self._key, self._progress, deep=self._deep)
        self._counts["files"] = count
        self._problems += problems
        if self._course is not None:
            return
        self._problems += await count_file_leftovers(self._database)
        unused = [await count_structures(self._database, self.histories, self._needed)]
        if self._deep:
            unused.append(await count_definitions(self._database, self._definitions))
            self._counts["definitions"] = unused[-1].every
        for one in unused:
            self._problems += one.problems(may_be_needed=self._has_lost_heads)

    def _report(self) -> CheckReport:
        # Sorting keeps the order in which they were found where two are alike.
        found = sorted(self._problems, key=lambda one: (_SEVERITIES.index(one.severity), one.place))
        return CheckReport(tuple(dict.fromkeys(found)), dict(self._counts))


def shown_elsewhere(loaded: Mapping[str, LoadedVersion | None], branch: str) -> frozenset[BlockKey]:
    """Blocks that the published branch shows, if this is the draft: nobody shall lose them by a repair."""
    published = loaded.get(PUBLISHED)
    if branch != DRAFT or published is None:
        return frozenset()
    structure = published.structure
    return frozenset(structure.key(position) for position in reached(structure))


def _why(error: CorruptDocument) -> str:
    return f"cannot be read: {error.message}"


def _name(key: BlockKey) -> str:
    return f"{key.type}/{key.id}"
