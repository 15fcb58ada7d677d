"""Completion in bash of words that bash takes apart.

Bash ends words at ``:``, ``=`` and ``@`` too, of which keys are full: what it hands over has to be put
together again, and what it is offered has to begin where its own last word begins.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout

__all__ = ["put_together", "whole_words"]

_BREAKS = frozenset(":=@")


@contextmanager
def whole_words() -> Iterator[None]:
    """While bash asks, by ``$COMP_WORDS`` and ``$COMP_CWORD``, and is answered on standard output: the words
    as they were typed, and answers that bash can use.
    """
    words, behind = put_together(os.environ["COMP_WORDS"].split("\n"), int(os.environ["COMP_CWORD"]))
    os.environ |= {"COMP_WORDS": "\n".join(words), "COMP_CWORD": str(len(words) - 1)}
    answers = io.StringIO()
    try:
        with redirect_stdout(answers):
            yield
    finally:
        for answer in answers.getvalue().splitlines():
            print(answer.removeprefix(behind))


def put_together(tokens: Sequence[str], at: int) -> tuple[list[str], str]:
    """The words up to the one that is typed, and what of the value in that one stays as it is.

    Args:
        tokens: the line as bash has it.
        at: which of them the cursor is in.
    """
    words: list[str] = []
    behind, joins = "", False
    for token in tokens[: at + 1]:
        is_break = bool(token) and _BREAKS.issuperset(token)
        if words and (is_break or (joins and token)):
            behind = words[-1] + (token if is_break else "")
            words[-1] += token
        else:
            behind = ""
            words.append(token)
        joins = is_break
    if behind.startswith("-"):  # an option with its value
        behind = behind.partition("=")[2]
    return words, behind.removesuffix("@")  # which is a part of what bash replaces
