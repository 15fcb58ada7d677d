"""Three-way merge: what two sides made of one version of a branch, in one.

*Base* is the version that both started from. *Theirs* is the head of the branch as it is now, *mine* what
was made meanwhile. A *conflict item* is one thing that both changed, each in its own way: a field, an aside,
the order of a list, the place of a block, its being there at all. A *choice* gives an item to one side; what
is in no conflict is merged. The *outcome* is what has to be done to theirs.

A block is its type and id, wherever it is; where it is, is its set of parents. So a move merges with an edit
of what is moved, and a list of children merges as a sequence.
"""

from modulestore.model.merging.conflicts import ConflictItem, ConflictKind, Side
from modulestore.model.merging.fields import NewContent
from modulestore.model.merging.merge import merge, needed_definitions
from modulestore.model.merging.outcome import MergedBlock, MergeOutcome, MergeResult, apply_merge

__all__ = [
    "ConflictItem",
    "ConflictKind",
    "MergeOutcome",
    "MergeResult",
    "MergedBlock",
    "NewContent",
    "Side",
    "apply_merge",
    "merge",
    "needed_definitions",
]
