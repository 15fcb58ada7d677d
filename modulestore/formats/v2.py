"""Stored format 2: a version costs what changed, an open costs what is looked at.

The specification, for whoever writes another reader, is ``docs/spec/format-2.md``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import bson
from bson.errors import BSONError

from modulestore.errors import UnknownFormat
from modulestore.formats.columns import read_columns, write_columns
from modulestore.formats.deltas import Patch, apply_patches, read_delta, write_delta
from modulestore.formats.encoding import OPTIONS, fields_of
from modulestore.formats.frames import Frame, LaterFrame, open_frame, write_frame
from modulestore.formats.headers import corrupt, header_fields, header_of
from modulestore.formats.ids import to_object_id, to_version_id
from modulestore.formats.layers import Layer, Stored, layers_to_take_in, needs_base
from modulestore.keys import BlockKey, VersionId
from modulestore.model.structure import Origin, Structure, StructureHeader

__all__ = ["SCHEMA_VERSION", "built_on", "decode_structure", "encode_structure", "encode_whole", "frame_of"]

SCHEMA_VERSION = 2

_WRONG = (BSONError, KeyError, TypeError, AttributeError, ValueError, IndexError)


class _Document(NamedTuple):
    """A document, its frame checked."""

    header: StructureHeader
    bases: tuple[VersionId, ...]
    frame: Frame
    size: int


def built_on(document: bytes) -> tuple[VersionId, ...]:
    """The versions that a stored one consists of beside itself, the base first; none for a base.

    Raises:
        CorruptDocument: it is no BSON, or not of this form.
    """
    try:
        return tuple(map(to_version_id, fields_of(document, {"bases"}).get("bases", ())))
    except (TypeError, AttributeError) as error:
        raise corrupt("structure", None, error) from error


def frame_of(document: bytes) -> Frame:
    """The frame of a document, once it has been checked.

    Raises:
        UnknownFormat: a later release wrote it.
        CorruptDocument: it is no BSON, not of this form, or damaged.
    """
    try:
        return _opened(bson.decode(document, OPTIONS)).frame
    except _WRONG as error:
        raise corrupt("structure", None, error) from error


def encode_structure(structure: Structure) -> tuple[bytes, Stored]:
    """The document of a structure, as BSON: a delta, if what it was made from is stored in this format and it
    is worth it; and what the next version has to know of it.

    Raises:
        InvalidInput: a block holds something that no document can hold.
    """
    origin = structure.origin
    if origin is not None and isinstance(origin.stored, Stored):
        stored = origin.stored
        taken = layers_to_take_in(stored.layers)
        kept = stored.layers[: len(stored.layers) - taken]
        since = _together(structure, stored.layers[len(kept) :], origin)
        sections = write_delta(structure, stored.base, since)
        names = (stored.base.id, *(layer.version for layer in kept))
        body = write_frame(sections, _seal(structure.header, names))
        if not needs_base(stored, kept, len(body)):
            layer = Layer(structure.id, len(body), since.changed, since.removed, since.relisted, since.assets)
            document = _document(structure.header, names, body)
            return document, Stored(stored.base, stored.base_size, (*kept, layer))
    return encode_whole(structure)


def encode_whole(structure: Structure) -> tuple[bytes, Stored]:
    """The document of a structure that builds on nothing, as BSON; and what the next version has to know.

    Raises:
        InvalidInput: a block holds something that no document can hold.
    """
    body = write_frame(write_columns(structure), _seal(structure.header, ()))
    # Without its own origin: what it was made from once is not kept alive by what is made from it.
    return _document(structure.header, (), body), Stored(structure.stored_as(None), len(body))


def decode_structure(
    document: bytes,
    below: Structure | None = None,
    deltas: Sequence[bytes] = (),
    base: Structure | None = None,
) -> Structure:
    """The structure of a document.

    Args:
        below: one of the versions that this one builds on; None for a base.
        deltas: documents of what it builds on beyond that, oldest first.
        base: the first of the versions that it builds on, by whose positions blocks are numbered. Needed only
            where ``below`` is not stored as it was when this one was written; the structure is then one that
            no delta can be stored on.

    Raises:
        UnknownFormat: a later release wrote one of them.
        CorruptDocument: one of them is no BSON, not of this form, damaged, or not what this one builds on.
    """
    decoded: dict[str, Any] = {}
    try:
        decoded = bson.decode(document, OPTIONS)
        own = _opened(decoded)
        if not own.bases:
            whole = read_columns(own.frame, own.header)
            return whole.stored_as(Stored(whole, own.size))
        known = len(own.bases) - len(deltas)
        if below is None or known < 1 or below.id != own.bases[known - 1]:
            raise ValueError(f"it builds on {own.bases[0]}, which is not at hand")
        parts = [*(_opened(bson.decode(delta, OPTIONS)) for delta in deltas), own]
        for count, part in enumerate(parts, known):
            if part.bases != own.bases[:count] or part.header.id != (*own.bases, own.header.id)[count]:
                raise ValueError("it builds on other versions than those at hand")
        stored = None if below.origin is None else below.origin.stored
        if not isinstance(stored, Stored) or stored.names != own.bases[:known]:
            if base is None or base.id != own.bases[0]:
                raise ValueError(f"it builds on {own.bases[0]}, which is not at hand")
            patches = [read_delta(part.frame, base) for part in parts]
            return apply_patches(below, own.header, patches).stored_as(None)
        patches = [read_delta(part.frame, stored.base) for part in parts]
        layers = [_layer(part, patch) for part, patch in zip(parts, patches, strict=True)]
        made = apply_patches(below, own.header, patches)
        return made.stored_as(Stored(stored.base, stored.base_size, (*stored.layers, *layers)))
    except _WRONG as error:
        raise corrupt("structure", decoded.get("_id"), error) from error


def _opened(document: dict[str, Any]) -> _Document:
    header = header_of(document)
    bases = tuple(map(to_version_id, document.get("bases", ())))
    body = document["body"]
    try:
        frame = open_frame(body, _seal(header, bases))
    except LaterFrame as error:
        raise UnknownFormat(str(error), place=f"structure {header.id}") from error
    return _Document(header, bases, frame, len(body))


def _document(header: StructureHeader, bases: Sequence[VersionId], body: bytes) -> bytes:
    document: dict[str, Any] = {**header_fields(header), "schema_version": SCHEMA_VERSION}
    if bases:
        document["bases"] = list(map(to_object_id, bases))
    document["body"] = body
    return bson.encode(document, codec_options=OPTIONS)


def _seal(header: StructureHeader, bases: Sequence[VersionId]) -> bytes:
    """What a frame is bound to, so that it is not taken for another version's, or put upon other bases."""
    return b"".join([header.id, header.original_version, *bases])


def _layer(part: _Document, patch: Patch) -> Layer:
    changed = frozenset(row.key for row in patch.rows)
    return Layer(part.header.id, part.size, changed, frozenset(patch.removed), patch.listed, patch.new_assets)


def _together(structure: Structure, layers: Sequence[Layer], origin: Origin) -> Origin:
    """What became of a structure in these layers and since."""
    steps: tuple[Layer | Origin, ...] = (*layers, origin)
    changed = frozenset[BlockKey]().union(*(step.changed for step in steps))
    relisted = frozenset[BlockKey]().union(*(step.relisted for step in steps))
    gone = {key for key in changed | relisted if structure.position(key) is None}
    return Origin(
        None,
        changed - gone,
        frozenset[BlockKey]().union(*(step.removed for step in steps)),
        relisted - gone,
        any(step.assets for step in steps),
    )
