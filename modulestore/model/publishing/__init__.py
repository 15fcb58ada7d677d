"""Draft and published: what goes from one branch to the other, what is taken back, and what differs.

Source of the rules: Open edX split modulestore, publish algorithm, delete rule and has_changes rule.
"""

from modulestore.model.publishing.automatic import auto_publish, needs_publication, outline_below
from modulestore.model.publishing.copying import EVERYTHING, publish
from modulestore.model.publishing.differences import (
    Change,
    Preview,
    changed_blocks,
    changed_since,
    has_changes,
    publish_preview,
    unpublished,
)
from modulestore.model.publishing.reverting import discard, reset, unpublish

__all__ = [
    "EVERYTHING",
    "Change",
    "Preview",
    "auto_publish",
    "changed_blocks",
    "changed_since",
    "discard",
    "has_changes",
    "needs_publication",
    "outline_below",
    "publish",
    "publish_preview",
    "reset",
    "unpublish",
    "unpublished",
]
