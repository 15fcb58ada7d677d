"""From text to keys.

``parse_*`` take text. ``as_*`` take what callers have: a key of ours, which is passed through, or any other
object whose ``str()`` is a key, such as the platform's own.

Source of the text forms: Open edX split modulestore, key grammar.
"""

from __future__ import annotations

import re

from modulestore.errors import InvalidKey
from modulestore.keys.text import FILE_NAME, NAME, OLD_NAME, shown
from modulestore.keys.values import AssetKey, ContextKey, CourseKey, DefinitionKey, LibraryKey, UsageKey
from modulestore.keys.version import VersionId

__all__ = [
    "as_asset_key",
    "as_course_key",
    "as_usage_key",
    "parse_asset_key",
    "parse_course_key",
    "parse_definition_key",
    "parse_usage_key",
]

_VERSION = r"[0-9a-f]{24}"
_AT = rf"(?:\+branch@({NAME}))?(?:\+version@({_VERSION}))?"
# Each has the groups: names, branch, version, version of a key that names a version only.
_COURSE = rf"(?:({NAME})\+({NAME})\+({NAME}){_AT}|version@({_VERSION}))"
_LIBRARY = rf"(?:({NAME})\+({NAME}){_AT}|version@({_VERSION}))"
_ASSET_CONTEXT = rf"(?:({NAME})\+({NAME})(?:\+({NAME}))?{_AT}|version@({_VERSION}))"
_BLOCK = rf"\+type@({NAME})\+block@({NAME})"
_OLD_BLOCK = rf"({OLD_NAME})/({OLD_NAME})/({FILE_NAME})/({FILE_NAME})(?:@({FILE_NAME}))?"

_course = re.compile(rf"course-v1:{_COURSE}").fullmatch
_library = re.compile(rf"library-v1:{_LIBRARY}").fullmatch
_old_course = re.compile(rf"({OLD_NAME})/({OLD_NAME})/({OLD_NAME})").fullmatch
_usage = re.compile(rf"block-v1:{_COURSE}{_BLOCK}").fullmatch
_library_usage = re.compile(rf"lib-block-v1:{_LIBRARY}{_BLOCK}").fullmatch
_old_usage = re.compile(rf"i4x://{_OLD_BLOCK}").fullmatch
_asset = re.compile(rf"asset-v1:{_ASSET_CONTEXT}\+type@({NAME})\+block[@/]({FILE_NAME})").fullmatch
_old_asset = re.compile(rf"(?:/c4x/|c4x://){_OLD_BLOCK}").fullmatch
_definition = re.compile(rf"def-v1:({_VERSION})\+type@({NAME})").fullmatch

_COURSE_FORMS = "course-v1:Org+Course+Run, library-v1:Org+Library or Org/Course/Run"
_USAGE_FORMS = (
    "block-v1:Org+Course+Run+type@T+block@I, lib-block-v1:Org+Library+type@T+block@I or i4x://Org/Course/T/I"
)
_ASSET_FORMS = "asset-v1:Org+Course+Run+type@asset+block@name or /c4x/Org/Course/asset/name"
_DEFINITION_FORM = "def-v1:<24 hexadecimal digits>+type@T"

_CCX = "a CCX has no content of its own; the caller maps its keys to the course that it is made from"
_SECOND_KIND = "libraries of the second kind are not kept in a modulestore"
_ASIDE = "an aside is stored with its block; give the key of the block"
_REASONS = {
    "ccx-v1": _CCX,
    "ccx-block-v1": _CCX,
    "lib": _SECOND_KIND,
    "lb": _SECOND_KIND,
    "aside-usage-v1": _ASIDE,
    "aside-usage-v2": _ASIDE,
}


def parse_course_key(text: str) -> ContextKey:
    """The key of a course or library: ``course-v1:…``, ``library-v1:…`` or ``Org/Course/Run``.

    Raises:
        InvalidKey: the text is none of these.
    """
    if match := _course(text):
        return _course_of(*match.groups())
    if match := _library(text):
        return _library_of(*match.groups())
    if match := _old_course(text):
        org, course, run = match.groups()
        return CourseKey(org, course, run, deprecated=True)
    raise _refused(text, "course key", _COURSE_FORMS)


def parse_usage_key(text: str) -> UsageKey:
    """The key of a block: ``block-v1:…``, ``lib-block-v1:…`` or ``i4x://…``.

    Raises:
        InvalidKey: the text is none of these.
    """
    if match := _usage(text):
        *context, block_type, block_id = match.groups()
        return UsageKey(_course_of(*context), block_type, block_id)
    if match := _library_usage(text):
        *context, block_type, block_id = match.groups()
        return UsageKey(_library_of(*context), block_type, block_id)
    if match := _old_usage(text):
        org, course, block_type, block_id, revision = match.groups()
        return UsageKey(CourseKey(org, course, None, revision, deprecated=True), block_type, block_id)
    raise _refused(text, "block key", _USAGE_FORMS)


def parse_asset_key(text: str) -> AssetKey:
    """The key of a file: ``asset-v1:…`` or ``/c4x/…``.

    Two spellings found in links are read too: ``block/name`` for ``block@name``, ``c4x://`` for ``/c4x/``.
    With two names the file is a library's, with three a course's, with a version only a course's too.

    Raises:
        InvalidKey: the text is none of these.
    """
    if match := _asset(text):
        org, course, run, branch, version, only, asset_type, name = match.groups()
        if course is not None and run is None:
            return AssetKey(_library_of(org, course, branch, version, only), name, asset_type)
        return AssetKey(_course_of(org, course, run, branch, version, only), name, asset_type)
    if match := _old_asset(text):
        org, course, asset_type, name, revision = match.groups()
        return AssetKey(CourseKey(org, course, None, revision, deprecated=True), name, asset_type)
    raise _refused(text, "file key", _ASSET_FORMS)


def parse_definition_key(text: str) -> DefinitionKey:
    """The key of a definition: ``def-v1:<24 hex>+type@T``.

    Raises:
        InvalidKey: the text is something else.
    """
    if match := _definition(text):
        return DefinitionKey(VersionId.parse(match[1]), match[2])
    raise _refused(text, "definition key", _DEFINITION_FORM)


def as_course_key(key: object) -> ContextKey:
    """The key itself if it is one of ours, or else what its ``str()`` says.

    Raises:
        InvalidKey: it is no key of a course or library.
    """
    return key if isinstance(key, ContextKey) else parse_course_key(str(key))


def as_usage_key(key: object) -> UsageKey:
    """The key itself if it is one of ours, or else what its ``str()`` says.

    That leaves out the run of an old-style course: `UsageKey.map_into` puts it back.

    Raises:
        InvalidKey: it is no key of a block.
    """
    return key if isinstance(key, UsageKey) else parse_usage_key(str(key))


def as_asset_key(key: object) -> AssetKey:
    """The key itself if it is one of ours, or else what its ``str()`` says.

    That leaves out the run of an old-style course: `AssetKey.map_into` puts it back.

    Raises:
        InvalidKey: it is no key of a file.
    """
    return key if isinstance(key, AssetKey) else parse_asset_key(str(key))


def _course_of(
    org: str | None,
    course: str | None,
    run: str | None,
    branch: str | None,
    version: str | None,
    only: str | None,
) -> CourseKey:
    return CourseKey(org, course, run, branch, _version_of(version or only))


def _library_of(
    org: str | None, library: str | None, branch: str | None, version: str | None, only: str | None
) -> LibraryKey:
    return LibraryKey(org, library, branch, _version_of(version or only))


def _version_of(text: str | None) -> VersionId | None:
    return None if text is None else VersionId.parse(text)


def _refused(text: str, wanted: str, forms: str) -> InvalidKey:
    reason = _REASONS.get(text.partition(":")[0], f"expected {forms}")
    return InvalidKey(f"{shown(text)} is not a {wanted}: {reason}")
