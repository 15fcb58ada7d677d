"""Blocks as the documents of format 1 hold them: what every format can give, and can be given.

Source: split modulestore documents, ``blocks`` of a structure.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from modulestore.formats.ids import optional_id, optional_oid, to_object_id
from modulestore.model.deriving import DerivedData
from modulestore.model.structure import BlockData, BlockFields, BlockRecord, EditInfo, Structure

__all__ = [
    "DocumentData",
    "StoredBlock",
    "StoredData",
    "block_documents",
    "document_of",
    "edit_info_of",
    "origin_of",
]


_DECODED: Final = 7
"""Bytes that a byte of a document takes when it is decoded: measured on courses of the platform."""


class StoredData(BlockData, ABC):
    """Blocks of a stored structure, that still know how they are stored."""

    @property
    @abstractmethod
    def weight(self) -> int:
        """Bytes of memory that it takes, about; more when more of it has been looked at."""

    @abstractmethod
    def document(self, structure: Structure, position: int, origin: int) -> dict[str, Any]:
        """The block at ``position`` of a structure, which is the one at ``origin`` here, as a document."""


class StoredBlock(ABC):
    """One block that still knows how it is stored."""

    @abstractmethod
    def document(self) -> dict[str, Any]:
        """The block as a document."""


class DocumentData(StoredData):
    """Blocks of a version 1 document, as they were decoded."""

    __slots__ = ("_size", "blocks")

    def __init__(self, blocks: Sequence[dict[str, Any]], size: int) -> None:
        """Blocks of a document of ``size`` bytes."""
        self.blocks = blocks
        self._size = size

    @property
    def weight(self) -> int:
        return _DECODED * self._size

    def settings(self, position: int, /) -> Mapping[str, Any]:
        fields: dict[str, Any] = self.blocks[position].get("fields") or {}
        if "children" not in fields:
            return fields
        return {name: value for name, value in fields.items() if name != "children"}

    def defaults(self, position: int, /) -> Mapping[str, Any]:
        return self.blocks[position].get("defaults") or {}

    def asides(self, position: int, /) -> Sequence[Mapping[str, Any]]:
        return self.blocks[position].get("asides") or ()

    def edit_info(self, position: int, /) -> EditInfo:
        return edit_info_of(self.blocks[position].get("edit_info") or {})

    def record(self, position: int, /) -> None:
        return None

    def marks(self) -> Sequence[bytes | None]:
        marks: list[bytes | None] = []
        for block in self.blocks:
            info = block.get("edit_info") or {}
            version = info.get("source_version") or info.get("update_version")
            marks.append(None if version is None else version.binary)
        return marks

    def document(self, structure: Structure, position: int, origin: int) -> dict[str, Any]:
        return self.blocks[origin]


def origin_of(structure: Structure, position: int) -> tuple[BlockData, int] | BlockFields | StoredBlock:
    """Where a block comes from: data and the position there, or the block by itself."""
    data = structure.data
    if not isinstance(data, DerivedData):
        return data, position
    block = data.changed.get(position)
    return (data.base, data.origin(position)) if block is None else block


def block_documents(structure: Structure) -> list[dict[str, Any]]:
    """All blocks as documents, in stored order. What was read and not changed is as it was found."""
    # Many blocks share one edit info: its document is made once. What is known by its id is kept alive here.
    edit_infos: dict[int, tuple[EditInfo, dict[str, Any]]] = {}

    def edit_info(info: EditInfo) -> dict[str, Any]:
        known = edit_infos.get(id(info))
        if known is None:
            known = edit_infos[id(info)] = (info, _edit_info_document(info))
        return known[1]

    return [document_of(structure, position, edit_info) for position in range(len(structure))]


def document_of(
    structure: Structure,
    position: int,
    edit_info: Callable[[EditInfo], dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """One block as a document. ``edit_info`` makes the document of its edit info, if it is to be shared."""
    origin = origin_of(structure, position)
    if isinstance(origin, StoredBlock):
        return origin.document()
    if isinstance(origin, tuple) and isinstance(origin[0], StoredData):
        return origin[0].document(structure, position, origin[1])
    record = structure.record(position)
    return _block_document(record, (edit_info or _edit_info_document)(record.edit_info))


def edit_info_of(document: Mapping[str, Any]) -> EditInfo:
    """The edit info of a block, as documents have it."""
    return EditInfo(
        optional_id(document.get("previous_version")),
        optional_id(document.get("update_version")),
        optional_id(document.get("source_version")),
        document.get("edited_on"),
        document.get("edited_by"),
        document.get("original_usage"),
        optional_id(document.get("original_usage_version")),
    )


def _block_document(record: BlockRecord, edit_info: dict[str, Any]) -> dict[str, Any]:
    # Nothing is copied that need not be: of a course's thousands of blocks the garbage collector feels it.
    fields = record.settings
    if record.children is not None:
        fields = {**fields, "children": record.children}
    return {
        "fields": fields,
        "block_type": record.key.type,
        "definition": to_object_id(record.definition),
        "defaults": record.defaults,
        # An object when empty and an array otherwise: so the platform writes it, and so it must be read.
        "asides": record.asides or {},
        "edit_info": edit_info,
        "block_id": record.key.id,
    }


def _edit_info_document(info: EditInfo) -> dict[str, Any]:
    return {
        "previous_version": optional_oid(info.previous_version),
        "update_version": optional_oid(info.update_version),
        "source_version": optional_oid(info.source_version),
        "edited_on": info.edited_on,
        "edited_by": info.edited_by,
        "original_usage": info.original_usage,
        "original_usage_version": optional_oid(info.original_usage_version),
    }
