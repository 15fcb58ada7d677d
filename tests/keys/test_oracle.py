"""Agreement with the platform's own key library, which is an oracle here and nothing else."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import pytest
from bson import ObjectId
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from opaque_keys import InvalidKeyError
from opaque_keys.edx.keys import AssetKey as TheirAssetKey
from opaque_keys.edx.keys import CourseKey as TheirCourseKey
from opaque_keys.edx.keys import DefinitionKey as TheirDefinitionKey
from opaque_keys.edx.keys import UsageKey as TheirUsageKey
from opaque_keys.edx.locator import DefinitionLocator, LibraryLocator

from modulestore.errors import InvalidKey
from modulestore.keys import (
    BlockKey,
    ContextKey,
    CourseKey,
    DefinitionKey,
    LibraryKey,
    UsageKey,
    VersionId,
    as_course_key,
    as_usage_key,
    is_block_id,
    parse_asset_key,
    parse_course_key,
    parse_definition_key,
    parse_usage_key,
)
from modulestore.testing.strategies import (
    asset_keys,
    block_keys,
    context_keys,
    course_keys,
    definition_keys,
    file_names,
    names,
    usage_keys,
    version_ids,
)
from tests.keys.forms import (
    FORMS,
    HEX,
    REFUSED,
    Key,
    Parse,
)


def parts_of_their_context(key: Any) -> tuple[Any, ...]:
    version = key.version_guid.binary if key.version_guid else None
    if isinstance(key, LibraryLocator):
        return LibraryKey, key.org, key.library, "library", key.branch, version, key.deprecated
    return CourseKey, key.org, key.course, key.run, key.branch, version, key.deprecated


def parts_of_theirs(key: Any) -> tuple[Any, ...]:
    """The parts of a key of the platform's library, as `parts_of_ours` gives those of ours."""
    if isinstance(key, TheirCourseKey):
        return parts_of_their_context(key)
    if isinstance(key, DefinitionLocator):
        return key.definition_id.binary, key.block_type
    return *parts_of_their_context(key.course_key), key.block_type, key.block_id


def parts_of_ours(key: Key) -> tuple[Any, ...]:
    if isinstance(key, ContextKey):
        return type(key), *key
    if isinstance(key, DefinitionKey):
        return tuple(key)
    name = key.id if isinstance(key, UsageKey) else key.name
    return *parts_of_ours(key.course), key.type, name


PARSERS: list[tuple[Parse, Any]] = [
    (parse_course_key, TheirCourseKey),
    (parse_usage_key, TheirUsageKey),
    (parse_asset_key, TheirAssetKey),
    (parse_definition_key, TheirDefinitionKey),
]


class Difference(NamedTuple):
    """Texts that we read otherwise than they do (``we_accept``), or refuse where they do not, on purpose."""

    reason: str
    texts: str  # a regular expression that matches their beginning
    example: str
    we_accept: bool


DIFFERENCES = [
    Difference(
        "they drop the third name of a library silently, we would lose what somebody wrote",
        r"(library-v1|lib-block-v1):[^+]+\+[^+@]+\+[^+@]+",
        "library-v1:Org+Lib+Run",
        we_accept=False,
    ),
    Difference(
        "they drop the block that follows a course or library silently",
        r"(course-v1|library-v1):.*\+(type|block)@",
        "course-v1:Org+Course+Run+block@b1",
        we_accept=False,
    ),
    Difference(
        "they read a block without a type, and write it with the type None",
        r"(block-v1|lib-block-v1|asset-v1):(?!.*\+type@)",
        "block-v1:Org+Course+Run+block@b1",
        we_accept=False,
    ),
    Difference(
        "they read a version with too few names, and do not write these names or the branch",
        r"[a-z0-9-]+:([^+@]+\+){0,2}(branch@[^+@]+\+)?version@",
        f"course-v1:Org+Course+branch@b+version@{HEX}",
        we_accept=False,
    ),
    Difference(
        "two prefixes of 2014 that nothing writes any more",
        r"(slashes|location):",
        "slashes:Org+Course+Run",
        we_accept=False,
    ),
    Difference(
        "they take any character but the slash in the type of an old-style key",
        r"(i4x://|/c4x/)[^/]+/[^/]+/[^/]*[^\w.:~%/-]",
        "i4x://Org/Course/a b/b1",
        we_accept=False,
    ),
    Difference(
        "they read an old-style course whose run has no name",
        r"[^/]+/[^/]+/$",
        "Org/Course/",
        we_accept=False,
    ),
    Difference(
        "asides and libraries of the second kind are not kept here",
        r"(aside-usage-v[12]|aside-def-v[12]|lb|bundle-olx):",
        "lb:Org:Lib:html:b1",
        we_accept=False,
    ),
    Difference(
        "links in content have these spellings",
        r"c4x://|asset-v1:.*\+block/",
        "c4x://Org/Course/asset/a.png",
        we_accept=True,
    ),
    Difference(
        "they write the key of a library's file with two names, and cannot read it",
        r"asset-v1:[^+@]+\+[^+@]+\+(branch|version|type)@",
        "asset-v1:Org+Lib+type@asset+block@a.png",
        we_accept=True,
    ),
]


def ours(parse: Parse, text: str) -> Key | None:
    try:
        return parse(text)
    except InvalidKey:
        return None


def theirs(kind: Any, text: str) -> Any:
    try:
        return kind.from_string(text)
    except InvalidKeyError:
        return None


@pytest.mark.parametrize("difference", DIFFERENCES, ids=lambda difference: difference.reason)
def test_the_differences_are_real(difference: Difference) -> None:
    text = difference.example
    assert re.match(difference.texts, text)
    assert any(ours(parse, text) is not None for parse, _ in PARSERS) is difference.we_accept
    assert any(theirs(kind, text) is not None for _, kind in PARSERS) is not difference.we_accept


@pytest.mark.parametrize(
    "text", [text for text, _, _ in FORMS] + [text for _, texts in REFUSED for text in texts]
)
def test_the_tables_agree_with_the_platform(text: str) -> None:
    assert_same_verdict(text)


def assert_same_verdict(text: str) -> None:
    for parse, kind in PARSERS:
        our, their = ours(parse, text), theirs(kind, text)
        if our is None and their is None:
            continue
        if our is None or their is None or parts_of_ours(our) != parts_of_theirs(their):
            expected = [d for d in DIFFERENCES if d.we_accept is (our is not None)]
            assert any(re.match(d.texts, text) for d in expected), (our, their)
        else:
            assert str(our) == str(their) == text


TOKENS = [
    *(
        "course-v1:",
        "library-v1:",
        "block-v1:",
        "lib-block-v1:",
        "asset-v1:",
        "def-v1:",
        "i4x://",
        "/c4x/",
        "c4x://",
    ),
    *("+branch@", "+version@", "version@", "+type@", "+block@", "branch@", "type@", "block@", "block/"),
    *("+", "@", "/", ":", "-", "_", ".", "~", "%", " ", "\n", "", "a", "Org", "é", "課", "e\u0301", "٣"),
    *("library", "asset", HEX, HEX.upper(), HEX[:-1]),
]


def valid_texts() -> SearchStrategy[str]:
    return st.one_of(context_keys(), usage_keys(), asset_keys(), definition_keys()).map(str)


@st.composite
def mutated_texts(draw: st.DrawFn) -> str:
    """The text of a key with up to three small changes."""
    text = draw(valid_texts())
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        length = draw(st.sampled_from([0, 0, 1, 1, 5]))
        text = text[:start] + draw(st.sampled_from(TOKENS)) + text[start + length :]
    return text


@settings(deadline=None, max_examples=300)
@given(valid_texts())
def test_what_we_write_the_platform_reads(text: str) -> None:
    assert_same_verdict(text)


@settings(deadline=None, max_examples=500)
@given(mutated_texts())
def test_mutated_keys_get_the_same_verdict(text: str) -> None:
    assert_same_verdict(text)


@settings(deadline=None, max_examples=500)
@given(st.lists(st.sampled_from(TOKENS), max_size=12).map("".join))
def test_random_texts_get_the_same_verdict(text: str) -> None:
    assert_same_verdict(text)


@settings(deadline=None)
@given(context_keys(), block_keys(), file_names(), st.none() | names(), version_ids())
def test_derived_keys_are_the_platforms(
    key: ContextKey, block: BlockKey, name: str, branch: str | None, version: VersionId
) -> None:
    their: Any = TheirCourseKey.from_string(str(key))
    assert as_course_key(their) == key
    assert_same(key.for_version(version), their.for_version(ObjectId(version)))
    assert_same(key.usage(*block), their.make_usage_key(*block))
    assert_same(key.asset(name), their.make_asset_key("asset", name))
    if key.org is not None:
        assert_same(key.for_branch(branch), their.for_branch(branch))
        assert_same(key.bare, their.for_branch(None))


@settings(deadline=None)
@given(usage_keys(), course_keys())
def test_mapped_keys_are_the_platforms(usage: UsageKey, course: CourseKey) -> None:
    their: Any = TheirUsageKey.from_string(str(usage))
    assert as_usage_key(their) == usage
    if isinstance(usage.course, CourseKey) and is_block_id(usage.id):  # they refuse to map 50%
        assert_same(usage.map_into(course), their.map_into_course(TheirCourseKey.from_string(str(course))))


def assert_same(our: Key, their: Any) -> None:
    assert parts_of_ours(our) == parts_of_theirs(their)
    assert str(our) == str(their)
