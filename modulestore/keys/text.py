"""Which characters the parts of a key are made of, and how a refused text is shown.

Source of the alphabets: Open edX split modulestore, key grammar.
"""

from __future__ import annotations

import re

__all__ = ["FILE_NAME", "NAME", "OLD_NAME", "asset_name", "is_block_id", "shown"]

# Word characters are Unicode's. None of the three holds what separates parts: + @ / and white space.
NAME = r"[\w\-~.:]+"  # an organisation, course, run, branch, block type or block id
OLD_NAME = r"[\w\-.%]+"  # the organisation, course or run of an old-style key
FILE_NAME = r"[\w\-~.:%]+"  # the name of a file; a block type, block id or revision of an old-style key

_is_name = re.compile(NAME).fullmatch
_NOT_IN_ASSET_NAME = re.compile(r"[^\w\-.%]")
_LONGEST_SHOWN = 80


def is_block_id(text: str) -> bool:
    """Whether a new block may have this id: word characters of any script and ``- ~ . :``, at least one.

    Block types, organisations, courses, runs and branches have the same alphabet. Ids in old-style courses
    may hold ``%`` too: such blocks are stored and read, but only an old-style key can name them.
    """
    return _is_name(text) is not None


def asset_name(path: str) -> str:
    """The name that a file of this path is kept under: ``images/pic (1).png`` gives ``images_pic__1_.png``.

    Every character other than word characters of any script and ``- . %`` becomes ``_``, slashes included; so
    two paths can give one name. Source: Open edX contentstore, path to key.
    """
    return _NOT_IN_ASSET_NAME.sub("_", path)


def shown(text: str) -> str:
    """The text as an error message quotes it: printable, and clipped when it is long."""
    return repr(text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "…")
