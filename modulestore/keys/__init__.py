"""Keys: the names of courses, libraries, blocks, files and versions.

A *context* is a course or a library; a *usage* is a block in a context; an *asset* is a file of a context.
Every key is an immutable value with a text form (``str(key)``) that the platform reads and writes too, and a
function here that parses this text. A key may also say a *branch* (under the platform's stored name, such as
``draft-branch``) and a *version* of the structure. A `BlockKey`, type and id, is what a usage is inside one
structure.

Source of the text forms: Open edX split modulestore, key grammar.
"""

from modulestore.keys.parse import (
    as_asset_key,
    as_course_key,
    as_usage_key,
    parse_asset_key,
    parse_course_key,
    parse_definition_key,
    parse_usage_key,
)
from modulestore.keys.text import asset_name, is_block_id
from modulestore.keys.values import (
    AssetKey,
    BlockKey,
    ContextKey,
    CourseKey,
    DefinitionKey,
    LibraryKey,
    UsageKey,
)
from modulestore.keys.version import VersionId

__all__ = [
    "AssetKey",
    "BlockKey",
    "ContextKey",
    "CourseKey",
    "DefinitionKey",
    "LibraryKey",
    "UsageKey",
    "VersionId",
    "as_asset_key",
    "as_course_key",
    "as_usage_key",
    "asset_name",
    "is_block_id",
    "parse_asset_key",
    "parse_course_key",
    "parse_definition_key",
    "parse_usage_key",
]
