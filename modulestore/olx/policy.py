"""Policies: settings of blocks that lie beside the blocks, and the grading policy.

Source: course archive format, policies.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from modulestore.olx.jsontext import NotJSON, decoded, parse_json
from modulestore.olx.problems import Problems, clipped
from modulestore.olx.tree import FileTree

__all__ = ["Policy", "completed_grading", "grading_policy", "read_json"]

# What the platform takes for a part that a grading policy does not have.
_DEFAULT_GRADING: Mapping[str, Any] = {
    "GRADER": [
        {"type": "Homework", "short_label": "HW", "min_count": 12, "drop_count": 2, "weight": 0.15},
        {"type": "Lab", "min_count": 12, "drop_count": 2, "weight": 0.15},
        {"type": "Midterm Exam", "short_label": "Midterm", "min_count": 1, "drop_count": 0, "weight": 0.3},
        {"type": "Final Exam", "short_label": "Final", "min_count": 1, "drop_count": 0, "weight": 0.4},
    ],
    "GRADE_CUTOFFS": {"Pass": 0.5},
}


class Policy:
    """The entries of one policy file, by ``type/name``; remembers which of them met a block."""

    def __init__(self, path: str, entries: Mapping[str, Any]) -> None:
        self.path = path
        self._entries = entries
        self._met: set[str] = set()

    @classmethod
    def read(cls, tree: FileTree, run: str, problems: Problems) -> Policy:
        """The policy of a run: in its folder; or where it was of old, if there is none or it is empty."""
        for path in (f"policies/{run}/policy.json", f"policies/{run}.json"):
            entries = read_json(tree, path, problems, "read as an empty policy")
            if isinstance(entries, dict) and entries:
                return cls(path, entries)
            if entries is not None and not isinstance(entries, dict):
                problems.add(path, "is not a JSON object", "read as an empty policy")
        return cls(f"policies/{run}/policy.json", {})

    @classmethod
    def none(cls) -> Policy:
        """No policy: for drafts."""
        return cls("", {})

    def entry(self, block_type: str, written: str) -> Mapping[str, Any]:
        """What the policy says of a block; empty if nothing."""
        return self.find(block_type, written) or {}

    def find(self, block_type: str, written: str) -> Mapping[str, Any] | None:
        """What the policy says of a block; None if it does not speak of it."""
        name = f"{block_type}/{written}"
        entry = self._entries.get(name)
        if not isinstance(entry, dict):
            return None
        self._met.add(name)
        return entry

    def report_unmet(self, problems: Problems) -> None:
        """Report the entries that no block took."""
        for name, entry in self._entries.items():
            if name in self._met:
                continue
            if isinstance(entry, dict):
                problems.add(
                    self.path, f"the entry {clipped(name)} is for no block that takes one", "left out"
                )
            else:
                problems.add(self.path, f"the entry {clipped(name)} is no set of settings", "left out")


def grading_policy(tree: FileTree, run: str, problems: Problems) -> dict[str, Any] | None:
    """The grading policy of a run, completed; None if the archive has none."""
    for path in (f"policies/{run}/grading_policy.json", "grading_policy.json"):
        if tree.exists(path):
            policy = read_json(tree, path, problems, "the default is used")
            if isinstance(policy, dict):
                return completed_grading(policy)
            if policy is not None:
                problems.add(path, "is not a JSON object", "the default is used")
            return None
    return None


def completed_grading(policy: Mapping[str, Any]) -> dict[str, Any]:
    """A grading policy with what the platform takes for the parts that it does not have."""
    return {**deepcopy(_DEFAULT_GRADING), **policy}


def read_json(tree: FileTree, path: str, problems: Problems, otherwise: str) -> Any:
    """The value of a JSON file; None if there is no file, it is blank, or (reported) it is no JSON."""
    if not tree.exists(path):
        return None
    try:
        text = decoded(tree.read(path))
        return parse_json(text) if text.strip() else None
    except NotJSON as error:
        problems.add(path, f"is no JSON: {error}", otherwise)
        return None
