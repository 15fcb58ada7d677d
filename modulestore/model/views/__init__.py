"""Courses as users see them: collected once per version, transformed for each user.

A *collector* takes data from a version, which never changes, so that what it took is good for ever. A
:class:`CourseView` is made of that. *Filters* and other *transformers* make of it what one :class:`User`
sees. Nothing here does I/O: the store reads what was collected, or the course to collect it from.

Source of the rules of the ready-made ones: Open edX platform, course blocks.
"""

from modulestore.model.views.collecting import Collector, EffectiveField, OwnField
from modulestore.model.views.counts import GradableCounts
from modulestore.model.views.groups import ContentGroups
from modulestore.model.views.start import StartDates
from modulestore.model.views.table import BLOCKS, BlockTable
from modulestore.model.views.toc import HideFromToc
from modulestore.model.views.transforming import (
    BlockFilter,
    Transformer,
    Transformers,
    User,
    needed_collectors,
    transform,
)
from modulestore.model.views.view import CourseView, ViewBlock
from modulestore.model.views.visibility import StaffOnly

__all__ = [
    "BLOCKS",
    "BlockFilter",
    "BlockTable",
    "Collector",
    "ContentGroups",
    "CourseView",
    "EffectiveField",
    "GradableCounts",
    "HideFromToc",
    "OwnField",
    "StaffOnly",
    "StartDates",
    "Transformer",
    "Transformers",
    "User",
    "ViewBlock",
    "needed_collectors",
    "transform",
]
