"""The part of the store that shows courses to users."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from modulestore._async.finding import find_wanted
from modulestore._async.store_base import StoreBase
from modulestore.keys import VersionId
from modulestore.model.views import (
    Collector,
    CourseView,
    EffectiveField,
    Transformers,
    User,
    needed_collectors,
    transform,
)

__all__ = ["ViewStore"]


class ViewStore(StoreBase):
    """The part of the store that shows courses to users."""

    async def view(
        self,
        key: object,
        *,
        transformers: Transformers = (),
        user: User | None = None,
        fields: Collection[str] = (),
        collectors: Collection[Collector] = (),
        branch: str | None = None,
        version: VersionId | str | None = None,
        as_of: datetime | None = None,
        staleness: float = 0.0,
    ) -> CourseView:
        """A course as a user sees it; without transformers, all of its tree.

        What is needed of the version is collected once, and kept in the process and in the store's cache.

        Args:
            transformers: they make of the course what the user sees.
            user: who looks; None for a learner in no group, at this moment.
            fields: settings that the blocks of the view have, by name, inherited ones too.
            collectors: further ones whose data the view has.
            branch, version, as_of, staleness: which version, as for `open`.

        Cost: one round trip, the index (with ``version`` none). What this process has not seen of the version
        costs one more to the cache; what is not there either, the structure as for `open`, and another one to
        the cache.

        Raises:
            InvalidKey, CourseNotFound, BranchNotFound, VersionNotFound: there is no such thing.
            CorruptDocument: the stored version cannot be read.
            InvalidInput: a collector has an impossible name, or collects what cannot be kept.
        """
        wanted = await find_wanted(
            self._backend,
            self._reader,
            key,
            branch=branch,
            version=version,
            as_of=as_of,
            staleness=staleness,
        )
        needed = [*needed_collectors(transformers), *map(EffectiveField, fields), *collectors]
        table, data = await self._collected.of(wanted.version, needed)
        view = CourseView(wanted.key, wanted.branch, wanted.version, table, data)
        return transform(view, transformers, user or User(self._now()))
