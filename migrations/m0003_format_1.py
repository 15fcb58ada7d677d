"""Structures in the documents of the Open edX platform again: the way back from format 2.

Never done unless it is asked for by name.
"""

from __future__ import annotations

from modulestore.upkeep.steps import Step

STEP = Step(
    name="0003-format-1",
    kind="format",
    what="store the structures of all versions in format 1, the documents of the Open edX platform",
    why="a platform can read them again; but every version takes a whole outline",
    schema=1,
)
