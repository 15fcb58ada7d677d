"""Structures in the library's own format.

Never done unless it is asked for by name: a running platform cannot read it. A database that the library made
itself has this format from its first write on.
"""

from __future__ import annotations

from modulestore.upkeep.steps import Step

STEP = Step(
    name="0002-format-2",
    kind="format",
    what="store the structures of all versions in format 2, as what changed since others",
    why="a version takes what changed in it instead of a whole outline, and is opened without decoding what "
    "nobody looks at; but no Open edX platform can read it",
    schema=2,
)
