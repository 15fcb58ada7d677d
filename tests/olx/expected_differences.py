"""Where what is read of a real archive differs from the independent scanner's trees, and why.

By archive: the block's name in the scanner's tree, and the children that are read instead of those there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["CHILDREN", "Difference"]


class Difference(NamedTuple):
    """The children that are read, by the names of the scanner's tree, and the reason."""

    children: list[str]
    reason: str


CHILDREN: Mapping[str, Mapping[str, Difference]] = {
    "fixture-conditional": {
        "conditional/condone": Difference(
            ["html/html_1", "html/congrats", "html/secret_page"],
            "the scanner does not follow <show sources>; the format lists those blocks as children by key",
        )
    },
    "fixture-test-unicode": {
        "course/2012_Fall": Difference(
            ["chapter/Overview", "chapter/simple_html"],
            "two chapters whose files are missing are reported and left out of the children",
        )
    },
}
