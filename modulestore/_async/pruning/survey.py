"""Which structures of a database are kept at this moment, and why.

From the roots back along each branch, as far as the policy says; then whatever is needed by what was found.
The same survey is made for a plan, and again before anything of the plan is deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from modulestore._async.ports import Backend
from modulestore._async.reading import find_entry
from modulestore._async.roots import read_roots
from modulestore._async.waiting import closing, sleep
from modulestore.errors import CorruptDocument
from modulestore.keys import ContextKey, VersionId
from modulestore.model.columns import VersionColumn
from modulestore.model.stored import References, StructureLinks
from modulestore.model.values import Progress
from modulestore.storage.spool import Spool
from modulestore.upkeep.pruning.policy import Policy
from modulestore.upkeep.pruning.reasons import Reason
from modulestore.upkeep.roots import Root, RootKind

__all__ = ["LISTED", "Survey", "ago", "first_id_after", "list_candidates"]

LISTED: Final = 50_000
"""Ids that are read at once, unless somebody wishes for less."""

_BATCH: Final = 1000  # structures whose links are asked for at once
_BYTES: Final = 8 * 1024 * 1024  # of structures whose blocks are looked at at once
_BRANCHES: Final = frozenset({RootKind.HEAD, RootKind.SQL_HEAD, RootKind.DELETED})
_NOTES: Final = frozenset({RootKind.TAG, RootKind.CONFLICT})


class _Step(NamedTuple):
    """Where a walk back along a branch has come to: the ``number``-th version, counted from the head.

    ``mark`` is one that it has passed, a later one whenever it has come twice as far: who comes to it again
    goes round in a loop, which a damaged database may have.
    """

    root: Root
    version: VersionId
    number: int
    mark: VersionId | None = None

    def before(self, previous: VersionId) -> _Step:
        """The next one."""
        is_power_of_two = self.number & (self.number - 1) == 0
        return _Step(self.root, previous, self.number + 1, self.version if is_power_of_two else self.mark)


@dataclass(slots=True)
class Survey:
    """One look at a database.

    Attributes:
        now: the time that ages are counted from, by the database's clock.
        expired: records of deleted courses that are roots no more.
        lost: courses of which nothing else is there: their tags and conflicts are roots no more either.
        staying: of ids in order, those that are not deleted, whatever is found.
        known: whether the blocks of a structure need not be looked at: what they refer to is known.
        unreadable: structures that are kept and cannot be read: what they need is not known.
    """

    backend: Backend
    policy: Policy
    spool: Spool
    now: datetime
    sql_heads: Sequence[Root]
    progress: Progress
    expired: Collection[str] = ()
    lost: Collection[str] = ()
    staying: Callable[[VersionColumn], Iterable[VersionId]] = lambda column: ()
    known: Callable[[VersionId], bool] = lambda version: False
    unreadable: dict[VersionId, str] = field(default_factory=dict)

    async def run(self) -> None:
        """Let the spool know of everything that is kept. Its candidates are there already.

        Cost: the roots; a round trip for the links of a thousand structures, along all branches at once; of
        what is kept one for the links and one for the sizes of a thousand, and one for the blocks of 8 MB.
        """
        roots = [root for root in await read_roots(self.backend) if not self._is_over(root)]
        roots += self.sql_heads
        self._keep((root.version, Reason.of_root(root)) for root in roots)
        await self._keep_staying()
        await self._walk(roots)
        await self._keep_young()
        await self._keep_replaced_lately()
        await self._close()

    def _is_over(self, root: Root) -> bool:
        return root.record in self.expired or (root.kind in _NOTES and root.course in self.lost)

    async def _keep_staying(self) -> None:
        """What stays because no plan says that it goes: it must go on to be whole. Of what was kept for its
        age it may be told only now, and it may have been stored otherwise since.
        """
        for column in self.spool.candidates.columns():
            self._keep((version, Reason.stays()) for version in self.staying(column))

    async def _walk(self, roots: Iterable[Root]) -> None:
        """From every root to the version that its history begins with, and back along the branches."""
        steps = [_Step(root, root.version, 1) for root in roots]
        first = True
        walked = 0
        while steps:
            self.progress("walking back along branches", walked, walked + len(steps))
            links = await self._links({step.version for step in steps})
            if first:
                self._keep(
                    (links[step.version].original, Reason.original(step.root))
                    for step in steps
                    if step.version in links
                )
            walked += len(steps)
            further: list[_Step] = []
            for step in steps:
                link = links.get(step.version)
                if link is None or link.previous is None or step.root.kind not in _BRANCHES:
                    continue
                reasons = list(self._reasons(step, link.previous))
                self._keep((link.previous, reason) for reason in reasons)
                if reasons and link.previous not in (step.version, step.mark):
                    further.append(step.before(link.previous))
            steps, first = further, False

    def _reasons(self, step: _Step, previous: VersionId) -> Iterator[Reason]:
        """Why the version before this one on a branch is kept."""
        retention = self.policy.of(step.root.course)
        if retention.keep is not None and step.number < retention.keep:
            yield Reason.newest(step.root, step.number + 1, retention.keep)
        replaced = step.version.time
        if retention.within is not None and replaced > ago(self.now, retention.within):
            yield Reason.within(step.root, retention.within)

    async def _keep_young(self) -> None:
        """What may be about to become a head, and what was just replaced, by the clocks of writers."""
        candidates = self.spool.candidates
        start = candidates.place_of(first_id_after(ago(self.now, self.policy.min_age)))
        young, lately = Reason.young(self.policy.min_age), Reason.lately(self.policy.min_age)
        for column in candidates.columns(start):
            for batch in _batches(list(column), _BATCH):
                self._keep((version, young) for version in batch)
                links = await self._links(batch)
                self._keep((link.previous, lately) for link in links.values() if link.previous is not None)

    async def _keep_replaced_lately(self) -> None:
        """What stood before heads that moved a moment ago, by the database's clock."""
        lately = Reason.lately(self.policy.min_age)
        since = ago(self.now, self.policy.min_age)
        heads = {
            head
            for entry in await self.backend.index.list()
            if entry.last_update is not None and entry.last_update > since
            for head in entry.heads.values()
        }
        for batch in _batches(list(heads), _BATCH):
            links = await self._links(batch)
            self._keep((link.previous, lately) for link in links.values() if link.previous is not None)

    async def _close(self) -> None:
        """What is kept needs what it is stored on, and what its blocks open."""
        done = 0
        while batch := self.spool.not_looked_at(_BATCH):
            self.progress("looking at what is kept", done, done + len(batch))
            links = await self._links(batch)
            self.spool.looked_at(
                (version, link.previous, link.original) if link else (version, None, None)
                for version in batch
                for link in [links.get(version)]
            )
            self._keep((base, Reason.base(version)) for version, link in links.items() for base in link.bases)
            await self._look_at([version for version in links if not self.known(version)])
            done += len(batch)

    async def _look_at(self, ids: Sequence[VersionId]) -> None:
        """What blocks refer to; of so many structures at once that they are not too large together."""
        sizes = await self.backend.structures.sizes(ids) if ids else {}
        at = 0
        while at < len(ids):
            end, size = at, 0
            while end < len(ids) and (end == at or size + sizes.get(ids[end], 0) <= _BYTES):
                size += sizes.get(ids[end], 0)
                end += 1
            references = await self._references(ids[at:end])
            self._keep((pin, Reason.pin(version)) for version, one in references.items() for pin in one.pins)
            self.spool.need({one for reference in references.values() for one in reference.definitions})
            at = end

    def _keep(self, reasons: Iterable[tuple[VersionId, Reason]]) -> None:
        self.spool.keep((version, reason.kind, reason.text) for version, reason in reasons)

    async def _links(self, ids: Collection[VersionId]) -> Mapping[VersionId, StructureLinks]:
        found: dict[VersionId, StructureLinks] = {}
        for batch in _batches(list(ids), _BATCH):
            try:
                found |= await self.backend.structures.links(batch)
            except CorruptDocument:
                for version in batch:
                    try:
                        found |= await self.backend.structures.links([version])
                    except CorruptDocument as error:
                        self.unreadable[version] = error.message
        return found

    async def _references(self, ids: Sequence[VersionId]) -> Mapping[VersionId, References]:
        try:
            return await self.backend.structures.references(ids) if ids else {}
        except CorruptDocument:
            found: dict[VersionId, References] = {}
            for version in ids:
                try:
                    found |= await self.backend.structures.references([version])
                except CorruptDocument as error:
                    self.unreadable[version] = error.message
            return found


async def list_candidates(
    backend: Backend,
    course: ContextKey | None,
    spool: Spool,
    progress: Progress,
    batch: int = LISTED,
    delay: timedelta = timedelta(0),
) -> None:
    """Let a spool know of the ids of all structures, or of those of the histories of one course.

    Args:
        batch, delay: of all structures, ids that are read at once, and the pause after them.

    Raises:
        CourseNotFound: there is no such course.
    """
    if course is not None:
        spool.candidates.add(VersionColumn.of(sorted(await _ids_of_course(backend, course))))
        return
    async with closing(backend.structures.ids(batch=batch)) as columns:
        async for column in columns:
            spool.candidates.add(column)
            progress("listing structures", len(spool.candidates), len(spool.candidates))
            if delay:
                await sleep(delay.total_seconds())


async def _ids_of_course(backend: Backend, course: ContextKey) -> set[VersionId]:
    entry = await find_entry(backend, course.bare)
    links = await backend.structures.links(set(entry.heads.values()))
    found: set[VersionId] = set()
    for original in {link.original for link in links.values()}:
        async with closing(backend.structures.headers(original=original)) as batches:
            async for batch in batches:
                found.update(header.id for header in batch)
    return found


def ago(now: datetime, duration: timedelta) -> datetime:
    """The moment so long before another; the first there is, if it was longer ago."""
    try:
        return now - duration
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC)


def first_id_after(moment: datetime) -> bytes:
    """Where ids that were made after a moment begin, by the clocks of those who made them."""
    seconds = max(0, int(moment.timestamp()))
    return seconds.to_bytes(4, "big") + b"\0" * 8


def _batches(ids: Sequence[VersionId], size: int) -> Iterator[Sequence[VersionId]]:
    return (ids[at : at + size] for at in range(0, len(ids), size))
