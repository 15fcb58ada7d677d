"""From a view of everything to what one user sees: filters and other transformers, and who the user is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeAlias, runtime_checkable

from modulestore.errors import InvalidInput
from modulestore.model.views.collecting import Collector
from modulestore.model.views.view import CourseView, ViewBlock

__all__ = ["BlockFilter", "Transformer", "Transformers", "User", "needed_collectors", "transform"]


@dataclass(frozen=True, slots=True)
class User:
    """What transformers may know of who looks. Where it comes from is the learning service's business.

    Attributes:
        now: the moment at which the course is looked at; aware.
        is_staff: sees everything.
        groups: in which group the user is, by partition; in partitions that are not here, in none.
        is_beta_tester: sees blocks early, by the days that they say.
    """

    now: datetime
    is_staff: bool = False
    groups: Mapping[int, int] = field(default_factory=dict)
    is_beta_tester: bool = False

    def __post_init__(self) -> None:
        if self.now.tzinfo is None:
            raise InvalidInput("a user's now needs a time zone")


@runtime_checkable
class BlockFilter(Protocol):
    """Says of a single block whether a user may see it. What is below it follows: a block is seen if there is
    a way from the root to it on which every block is kept.

    All filters of a request are asked in one walk, before anything else is transformed, so that it does not
    matter in which order they are given.
    """

    @property
    def collectors(self) -> Sequence[Collector]:
        """Whose data it needs."""

    def keep(self, block: ViewBlock, user: User, /) -> bool:
        """Whether the user may see the block, by what it says itself."""


@runtime_checkable
class Transformer(Protocol):
    """Makes another view of a view: with annotations, or without some blocks."""

    @property
    def collectors(self) -> Sequence[Collector]:
        """Whose data it needs."""

    def transform(self, view: CourseView, user: User, /) -> CourseView:
        """The view for this user. See `CourseView.annotated` and `CourseView.filtered`."""


Transformers: TypeAlias = Sequence[BlockFilter | Transformer]


def needed_collectors(transformers: Transformers) -> Iterable[Collector]:
    """Whose data these transformers need."""
    return (collector for one in transformers for collector in one.collectors)


def transform(view: CourseView, transformers: Transformers, user: User) -> CourseView:
    """What the user sees: all filters in one walk, then the other transformers, one after the other."""
    keeps = [one.keep for one in transformers if isinstance(one, BlockFilter)]
    if keeps:
        view = view.filtered(lambda block: all(keep(block, user) for keep in keeps))
    for one in transformers:
        if not isinstance(one, BlockFilter):
            view = one.transform(view, user)
    return view
