"""What a check finds, and what a repair did, as values."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from modulestore.keys import BlockKey, VersionId

__all__ = ["PRUNE", "CheckReport", "Kind", "Made", "Problem", "RepairReport", "Severity", "Spot", "repair_of"]


class Severity(StrEnum):
    """How bad a problem is.

    Attributes:
        ERROR: content is lost, or cannot be read.
        WARNING: everything can be read, but something is wrong or wasteful.
        NOTE: worth knowing; nothing has to be done.
    """

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Kind(StrEnum):
    """What sort of problem it is: stable names, for programs and for the table in ``docs/checking.md``."""

    # blocks of a version
    NO_ROOT = "no-root"
    CHILD_MISSING = "child-missing"
    CHILD_TWICE = "child-twice"
    CYCLE = "cycle"
    ORPHAN = "orphan"
    LISTED = "listed"
    SEVERAL_PARENTS = "several-parents"
    DUPLICATE_BLOCK = "duplicate-block"
    BLOCK_UNREADABLE = "block-unreadable"
    DEFINITION_MISSING = "definition-missing"
    DEFINITION_UNREADABLE = "definition-unreadable"
    DEFINITION_TYPE = "definition-type"
    PIN_MISSING = "pin-missing"
    SOURCE_MISSING = "source-missing"
    # versions
    HEAD_MISSING = "head-missing"
    VERSION_MISSING = "version-missing"
    VERSION_UNREADABLE = "version-unreadable"
    HEADER_DIFFERS = "header-differs"
    PREVIOUS_MISSING = "previous-missing"
    ORIGINAL_MISSING = "original-missing"
    OTHER_HISTORY = "other-history"
    HISTORY_LOOP = "history-loop"
    UNREFERENCED = "unreferenced"
    # the index
    ENTRY_FAULTY = "entry-faulty"
    ENTRY_TWICE = "entry-twice"
    KEYS_DIFFER_BY_CASE = "keys-differ-by-case"
    UNKNOWN_BRANCH = "unknown-branch"
    SQL_DIFFERS = "sql-differs"
    # records
    RECORD_UNREADABLE = "record-unreadable"
    RECORD_OF_NO_COURSE = "record-of-no-course"
    UNDER_WAY = "under-way"
    # files
    FILE_DAMAGED = "file-damaged"
    FILE_LEFTOVERS = "file-leftovers"


PRUNE: Final = "modulestore prune plan -o plan.jsonl"
"""The command that begins to remove what nothing needs."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, or worth knowing.

    Attributes:
        place: course, branch, version, block or file.
        message: what is wrong; where no command mends it, also what somebody has to decide.
        mend: the shell command that mends it; None if none does.
    """

    severity: Severity
    place: str
    message: str
    mend: str | None
    kind: Kind

    @property
    def is_repairable(self) -> bool:
        """Whether `repair` mends it."""
        return self.mend is not None and self.mend.endswith("--repair")

    @property
    def is_serious(self) -> bool:
        """Whether something should be done: all but notes."""
        return self.severity is not Severity.NOTE


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What was found, the worst first, and how much was looked at, by what it is."""

    problems: tuple[Problem, ...] = ()
    checked: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_sound(self) -> bool:
        """Whether there are notes at most."""
        return not any(problem.is_serious for problem in self.problems)


@dataclass(frozen=True, slots=True)
class Made:
    """A new version that a repair made the head of a branch."""

    course: str
    branch: str
    version: VersionId


@dataclass(frozen=True, slots=True)
class RepairReport:
    """What a repair did, or would do.

    Attributes:
        mended: what was found before, and is no longer there.
        left: what is there afterwards.
        made: the new versions; none of a dry run.
        checked: how much was looked at afterwards.
    """

    mended: tuple[Problem, ...] = ()
    left: tuple[Problem, ...] = ()
    made: tuple[Made, ...] = ()
    checked: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_sound(self) -> bool:
        """Whether nothing is left but notes."""
        return not any(problem.is_serious for problem in self.left)


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a version is referred to.

    Attributes:
        course: text of its key; empty where that is not known.
        name: of a branch, or what else refers to it.
        version: which one.
        is_head: it is what a branch stands at: somebody reads it, and repair can replace it.
        is_read: somebody reads it as it is. What is wrong with the blocks of other versions is history.
    """

    course: str
    name: str
    version: VersionId
    is_head: bool = True
    is_read: bool = True

    def place(self, block: BlockKey | None = None) -> str:
        """The place as text, to the block if one is meant."""
        parts = [self.course, self.name, f"version {self.version}"]
        parts += [f"{block.type}/{block.id}"] if block is not None else []
        return ", ".join(part for part in parts if part)

    @property
    def repair(self) -> str | None:
        """The command that mends what is wrong here."""
        return repair_of(self.course) if self.is_head else None

    def problem(
        self,
        severity: Severity,
        kind: Kind,
        message: str,
        block: BlockKey | None = None,
        *,
        mended: bool = False,
    ) -> Problem:
        """A problem with the blocks here; ``mended``: repair mends it, if this is a head."""
        return Problem(
            severity if self.is_read else Severity.NOTE,
            self.place(block),
            message,
            self.repair if mended else None,
            kind,
        )


def repair_of(course: str | None = None) -> str:
    """The command that repairs a course, or the database."""
    return f"modulestore check {shlex.quote(course)} --repair" if course else "modulestore check --repair"
