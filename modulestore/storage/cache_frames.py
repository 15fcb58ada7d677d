"""How values lie in a cache to which others may write: sealed, so that nothing is believed that was changed.

An *item* is what lies under one key: magic, the number of this format, a digest of all of it, and a body in
msgpack: the value's name, how it is packed, its size, and what was packed. A value whose item would be too
large lies in *parts*, each under a key that carries the digest of the whole, and its item is a *manifest*:
the digest and length of the whole in the place of what was packed.

With a secret the digests are keyed, so that nobody without it can make an item. Without one they tell what
was damaged, or lies under a wrong key, from what was put there; not what was forged.

What comes out of a cache is hostile: nothing here allocates more than a bounded multiple of `MAX_VALUE` for
it, and everything that is wrong with it is a `CorruptFrame`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from hmac import compare_digest
from typing import Any

import msgpack
import zstandard

__all__ = [
    "MAX_ITEM",
    "MAX_VALUE",
    "CorruptFrame",
    "Manifest",
    "Opened",
    "item_key",
    "joined",
    "open_item",
    "open_many",
    "seal",
    "secret_of",
]

MAX_VALUE = 17 * 1024 * 1024
"""Bytes of the largest value that is kept: the largest document, and some more."""

MAX_ITEM = 512 * 1024 - 1024
"""Bytes of the largest item: with its key and header it fits the largest piece in which memcached allots
memory, and is far from the size that memcached refuses.
"""

_FORMAT = 1
_MAGIC = b"msc" + bytes([_FORMAT])
_DIGEST = 16
_HEAD = len(_MAGIC) + _DIGEST

_RAW, _ZSTD = 0, 1
_LEVEL = 1
_WORTH_PACKING = 256  # bytes: less than that does not get smaller
_SAMPLE = 16 * 1024

_LONGEST_NAME = 200


class CorruptFrame(Exception):
    """This is not what was put under this name."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """Where the parts of a value are, and what they are together."""

    name: str
    codec: int
    size: int
    length: int
    digest: bytes

    @property
    def keys(self) -> list[str]:
        """The keys of the parts, in their order."""
        return _part_keys(self.digest, self.length)


@dataclass(frozen=True, slots=True)
class Opened:
    """What was found under names.

    Attributes:
        rejected: how many of the names had something else under their keys.
    """

    values: dict[str, bytes]
    rejected: int


def secret_of(text: str | bytes) -> bytes:
    """The secret that a passphrase of any length stands for."""
    return blake2b(text.encode() if isinstance(text, str) else text, digest_size=32).digest()


def item_key(name: str) -> str:
    """Under which key the item of a name lies: it carries the number of the format."""
    if len(name) > _LONGEST_NAME or not name.isascii() or not name.isprintable() or " " in name:
        name = f"hash/{blake2b(name.encode(), digest_size=32).hexdigest()}"
    return f"modulestore:{_FORMAT}:{name}"


def seal(name: str, value: bytes, secret: bytes = b"") -> dict[str, bytes]:
    """The items of a value, by key: its parts, if it needs any, before the item of its name.

    None if the value is larger than what is kept.
    """
    if len(value) > MAX_VALUE:
        return {}
    codec, packed = _packed(value)
    item = _signed([name, codec, len(value), packed], secret)
    if len(item) <= MAX_ITEM:
        return {item_key(name): item}
    digest = _digest(b"modulestore part", packed, secret)
    keys = _part_keys(digest, len(packed))
    parts = {key: packed[at * MAX_ITEM : (at + 1) * MAX_ITEM] for at, key in enumerate(keys)}
    return {**parts, item_key(name): _signed([name, codec, len(value), [len(packed), digest]], secret)}


def open_item(name: str, item: bytes, secret: bytes = b"") -> bytes | Manifest:
    """The value in the item that lay under a name, or where its parts are.

    Raises:
        CorruptFrame: this was not put there under this name, in this format, with this secret.
    """
    body = item[_HEAD:]
    expected = _digest(b"modulestore item", body, secret)
    if not item.startswith(_MAGIC) or not compare_digest(item[len(_MAGIC) : _HEAD], expected):
        raise CorruptFrame("damaged, or not ours")
    found, codec, size, rest = _fields(body)
    if found != name:
        raise CorruptFrame("the item of another name")
    if type(codec) is not int or type(size) is not int or not 0 <= size <= MAX_VALUE:
        raise CorruptFrame("an impossible item")
    if isinstance(rest, bytes):
        return _unpacked(codec, size, rest)
    match rest:
        case [int(length), bytes(digest)] if 0 < length <= MAX_VALUE and len(digest) == _DIGEST:
            return Manifest(name, codec, size, length, digest)
    raise CorruptFrame("an impossible manifest")


def joined(manifest: Manifest, parts: Mapping[str, bytes], secret: bytes = b"") -> bytes | None:
    """The value whose parts these are; None if one is missing.

    Raises:
        CorruptFrame: together they are not what the manifest names.
    """
    if not all(key in parts for key in manifest.keys):
        return None
    packed = b"".join(parts[key] for key in manifest.keys)
    digest = _digest(b"modulestore part", packed, secret)
    if len(packed) != manifest.length or not compare_digest(digest, manifest.digest):
        raise CorruptFrame("damaged parts")
    return _unpacked(manifest.codec, manifest.size, packed)


def open_many(
    names: Collection[str], fetch: Callable[[Collection[str]], Mapping[str, bytes]], secret: bytes = b""
) -> Opened:
    """The values that are there: all items are fetched at once, then all parts, if there are any."""
    opened: dict[str, bytes] = {}
    manifests: dict[str, Manifest] = {}
    rejected = 0
    items = fetch([item_key(name) for name in names])
    for name in names:
        item = items.get(item_key(name))
        if item is None:
            continue
        try:
            content = open_item(name, item, secret)
        except CorruptFrame:
            rejected += 1
            continue
        if isinstance(content, Manifest):
            manifests[name] = content
        else:
            opened[name] = content
    parts = fetch([key for manifest in manifests.values() for key in manifest.keys]) if manifests else {}
    for name, manifest in manifests.items():
        try:
            value = joined(manifest, parts, secret)
        except CorruptFrame:
            rejected += 1
            continue
        if value is not None:
            opened[name] = value
    return Opened(opened, rejected)


def _part_keys(digest: bytes, length: int) -> list[str]:
    count = -(-length // MAX_ITEM)
    return [f"modulestore:{_FORMAT}:part/{digest.hex()}/{number}" for number in range(count)]


def _signed(fields: list[Any], secret: bytes) -> bytes:
    body: bytes = msgpack.packb(fields)
    return _MAGIC + _digest(b"modulestore item", body, secret) + body


def _digest(kind: bytes, data: bytes, secret: bytes) -> bytes:
    # The kind keeps a digest of one kind from being taken for one of another. The magic, with the format's
    # number, is in it too.
    digest = blake2b(_MAGIC, digest_size=_DIGEST, key=secret, person=kind)
    digest.update(data)
    return digest.digest()


def _fields(body: bytes) -> list[Any]:
    try:
        # Lists are allotted by the length that they claim, before anything is in them.
        fields = msgpack.unpackb(body, max_array_len=4, max_map_len=0, max_ext_len=0)
    except (ValueError, msgpack.UnpackException) as error:
        raise CorruptFrame("unreadable") from error
    if not isinstance(fields, list) or len(fields) != 4:
        raise CorruptFrame("an impossible item")
    return fields


def _packed(value: bytes) -> tuple[int, bytes]:
    # What does not get smaller at its beginning is taken to be compressed already.
    sample = value[:_SAMPLE]
    if len(value) < _WORTH_PACKING or len(_compressed(sample)) > 0.9 * len(sample):
        return _RAW, value
    packed = _compressed(value)
    return (_ZSTD, packed) if len(packed) < len(value) else (_RAW, value)


def _compressed(value: bytes) -> bytes:
    # A compressor of its own: none may be used by two threads at once.
    return zstandard.ZstdCompressor(level=_LEVEL).compress(value)


def _unpacked(codec: int, size: int, packed: bytes) -> bytes:
    if codec == _RAW and len(packed) == size:
        return packed
    try:
        # zstandard allots what the frame claims to hold, whatever limit it is given: so the claim is first
        # compared with the size, which is within bounds.
        if codec != _ZSTD or zstandard.frame_content_size(packed) != size:
            raise CorruptFrame("an impossible size")
        value = zstandard.ZstdDecompressor().decompress(packed, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise CorruptFrame("cannot be decompressed") from error
    if len(value) != size:
        raise CorruptFrame("an impossible size")
    return value
