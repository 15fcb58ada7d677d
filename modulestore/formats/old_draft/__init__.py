"""The older store of the platform: one document per block, published and draft side by side.

`documents` reads one document, `values` what its fields hold, `gathering` those of one course number, and
`assembling` puts one run together from them, both branches. All of it is pure and tolerant: what cannot be
used is reported and left out, and a document is never the reason why the others are not read.

Source: Open edX, the modulestore before split ("draft" or "old Mongo" modulestore).
"""

from modulestore.formats.old_draft.assembling import OldCourse, assemble, unreached
from modulestore.formats.old_draft.documents import OldBlock, OldEdit, decode_old_block
from modulestore.formats.old_draft.gathering import OldBlocks, gather_blocks

__all__ = [
    "OldBlock",
    "OldBlocks",
    "OldCourse",
    "OldEdit",
    "assemble",
    "decode_old_block",
    "gather_blocks",
    "unreached",
]
