"""Courses of the platform's older store, one document per block, as courses in versions.

Never done unless it is asked for by name: it makes new courses, which is the operator's decision. The older
store stays as it is.
"""

from __future__ import annotations

from modulestore.upkeep.steps import Step

STEP = Step(
    name="0004-draft-courses",
    kind="draft courses",
    what="make the courses of the older store, which has one document per block and revision, courses with "
    "versions and two branches",
    why="no platform of today reads the older store; here its courses can be read, edited and published",
)
