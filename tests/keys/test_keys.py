"""Keys: every form of text, and the values."""

from __future__ import annotations

import copy
import hashlib
import pickle
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from opaque_keys import InvalidKeyError
from opaque_keys.edx.keys import CourseKey as TheirCourseKey
from opaque_keys.edx.keys import UsageKey as TheirUsageKey
from opaque_keys.edx.locator import AssetLocator

from modulestore.errors import InvalidKey
from modulestore.keys import (
    AssetKey,
    BlockKey,
    ContextKey,
    CourseKey,
    LibraryKey,
    UsageKey,
    VersionId,
    as_asset_key,
    as_course_key,
    as_usage_key,
    asset_name,
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
    definition_keys,
    names,
    usage_keys,
    version_ids,
)
from tests.keys.forms import (
    COURSE,
    FORMS,
    HEX,
    LIBRARY,
    OLD_CONTEXT,
    OLD_COURSE,
    REFUSED,
    VERSION,
    VERSION_ONLY,
    Key,
    Parse,
)


@pytest.mark.parametrize(("text", "parse", "key"), FORMS, ids=[text for text, _, _ in FORMS])
def test_every_form_reads_and_writes(text: str, parse: Parse, key: Key) -> None:
    assert parse(text) == key
    assert type(parse(text)) is type(key)
    assert str(key) == text
    assert f"{key}" == text


@pytest.mark.parametrize(("parse", "text"), [(parse, text) for parse, texts in REFUSED for text in texts])
def test_anything_else_is_refused(parse: Parse, text: str) -> None:
    with pytest.raises(InvalidKey) as caught:
        parse(text)
    assert repr(text) in str(caught.value)
    assert "expected" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("ccx-v1:Org+Course+Run+ccx@1", "the caller maps its keys to the course"),
        ("ccx-block-v1:Org+Course+Run+ccx@1+type@html+block@b1", "the caller maps its keys to the course"),
        ("lib:Org:Lib", "libraries of the second kind"),
        ("lb:Org:Lib:html:b1", "libraries of the second kind"),
        ("aside-usage-v1:block-v1$:Org+Course+Run+type@html+block@b1::x", "key of the block"),
    ],
)
@pytest.mark.parametrize("parse", [parse_course_key, parse_usage_key, parse_asset_key])
def test_kinds_that_are_not_kept_here_say_so(parse: Parse, text: str, reason: str) -> None:
    with pytest.raises(InvalidKey, match=reason):
        parse(text)


def test_long_texts_are_clipped_in_messages() -> None:
    with pytest.raises(InvalidKey) as caught:
        parse_course_key("x" * 10_000)
    assert len(str(caught.value)) < 300
    with pytest.raises(InvalidKey) as caught:
        CourseKey("x" * 10_000 + " ", "Course", "Run")
    assert len(str(caught.value)) < 300


def test_a_long_text_is_refused_in_linear_time() -> None:
    for text in ("course-v1:" + "a+" * 50_000, "i4x://" + "a" * 100_000, "block-v1:" + "a" * 100_000 + "@"):
        for parse in (parse_course_key, parse_usage_key, parse_asset_key):
            with pytest.raises(InvalidKey):
                parse(text)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        (
            "asset-v1:Org+Course+Run+type@asset+block/a.png",
            "asset-v1:Org+Course+Run+type@asset+block@a.png",
        ),
        ("c4x://Org/Course/asset/a.png", "/c4x/Org/Course/asset/a.png"),
    ],
)
def test_spellings_of_links_are_read_and_written_as_keys(text: str, written: str) -> None:
    assert str(parse_asset_key(text)) == written


# --- Versions ----------------------------------------------------------------------------------------------


def test_version_id_is_its_bytes() -> None:
    assert str(VERSION) == f"{VERSION}" == HEX
    assert repr(VERSION) == f"VersionId({HEX!r})"
    assert bytes.fromhex(HEX) == VERSION
    assert hash(VERSION) == hash(bytes.fromhex(HEX))
    assert VersionId.parse(HEX.upper()) == VERSION
    later = VersionId.parse("6" + HEX[1:])
    assert sorted([later, VERSION]) == [VERSION, later]


def test_version_id_knows_its_time() -> None:
    assert VERSION.time == datetime(2013, 5, 17, 17, 16, 38, tzinfo=UTC)
    assert VersionId(b"\xff" * 12).time.year == 2106


@pytest.mark.parametrize("raw", [b"", b"1" * 11, b"1" * 13, HEX, 12, None, bytearray(12)])
def test_version_id_takes_twelve_bytes(raw: Any) -> None:
    with pytest.raises(InvalidKey, match="12 bytes"):
        VersionId(raw)


@pytest.mark.parametrize(
    "text", ["", HEX[:-1], HEX + "0", HEX[:-1] + "g", HEX + "\n", " " + HEX[1:], "٣" * 24]
)
def test_version_id_parses_24_digits(text: str) -> None:
    with pytest.raises(InvalidKey, match="24 hexadecimal digits"):
        VersionId.parse(text)


# --- Values ------------------------------------------------------------------------------------------------


def test_for_branch_drops_the_version() -> None:
    key = COURSE.for_branch("draft-branch").for_version(VERSION)
    assert key.for_branch("published-branch") == COURSE.for_branch("published-branch")
    assert key.for_version(None) == COURSE.for_branch("draft-branch")
    assert key.bare == key.for_branch(None) == COURSE
    assert LibraryKey("Org", "Lib", "library", VERSION).bare == LIBRARY
    assert OLD_COURSE.for_branch("draft").for_version(VERSION).bare == OLD_COURSE


def test_a_key_that_names_a_version_only_has_nothing_else() -> None:
    for key in (VERSION_ONLY, LibraryKey(None, None, version=VERSION)):
        assert (key.org, key.course, key.branch) == (None, None, None)
        with pytest.raises(InvalidKey):
            key.for_branch("draft-branch")
        with pytest.raises(InvalidKey):
            _ = key.bare
        with pytest.raises(InvalidKey):
            key.for_version(None)
        with pytest.raises(InvalidKey, match="which course"):
            _ = key.identity


def test_identity_is_what_a_store_finds_the_context_by() -> None:
    assert COURSE.for_branch("draft-branch").identity == ("Org", "Course", "Run")
    assert LIBRARY.identity == ("Org", "Lib", "library")
    assert OLD_COURSE.identity == ("Org", "Course", "Run")
    with pytest.raises(InvalidKey, match="'Org/Course' does not say"):
        _ = OLD_CONTEXT.identity


def test_a_library_has_the_parts_of_a_course() -> None:
    assert (LIBRARY.course, LIBRARY.library, LIBRARY.run) == ("Lib", "Lib", "library")
    assert LIBRARY.deprecated is False


@pytest.mark.parametrize(
    "make",
    [
        lambda: CourseKey("Or g", "Course", "Run"),
        lambda: CourseKey("Org", "", "Run"),
        lambda: CourseKey("Org", "Course", None),
        lambda: CourseKey(None, "Course", "Run", version=VERSION),
        lambda: CourseKey(None, None, None),
        lambda: CourseKey(None, None, None, "draft-branch", VERSION),
        lambda: CourseKey("Org", "Course", "Run", "a b"),
        lambda: CourseKey("Org", "Course", "Run", ""),
        lambda: CourseKey("50%", "Course", "Run"),
        lambda: CourseKey("Or:g", "Course", "Run", deprecated=True),
        lambda: CourseKey("Org", None, "Run", deprecated=True),
        lambda: CourseKey("Org", "Course", "Run", "a b", deprecated=True),
        lambda: CourseKey(None, None, None, version=VERSION, deprecated=True),
        lambda: LibraryKey("Org", None),
        lambda: LibraryKey("Org", "a/b"),
        lambda: LibraryKey("Org", "Lib", "a+b"),
        lambda: COURSE.for_branch("a@b"),
    ],
)
def test_a_course_that_no_text_can_name_cannot_be_made(make: Callable[[], ContextKey]) -> None:
    with pytest.raises(InvalidKey):
        make()


def test_blocks_and_files() -> None:
    usage = COURSE.usage("problem", "b1")
    assert usage.block_key == BlockKey("problem", "b1") == ("problem", "b1")
    assert COURSE.usage(*usage.block_key) == usage
    assert COURSE.asset("a.png") == AssetKey(COURSE, "a.png", "asset")
    assert (
        str(COURSE.asset("")) == "asset-v1:Org+Course+Run+type@asset+block@"
    )  # the base of a course's links


def test_map_into_another_course() -> None:
    assert parse_usage_key("i4x://Org/Course/html/b1@draft").map_into(COURSE) == COURSE.usage("html", "b1")
    assert parse_asset_key("/c4x/Org/Course/thumbnail/a.png").map_into(COURSE) == AssetKey(
        COURSE, "a.png", "thumbnail"
    )
    assert str(COURSE.usage("html", "b1").map_into(LIBRARY)) == "lib-block-v1:Org+Lib+type@html+block@b1"
    assert str(COURSE.usage("html", "b1").map_into(OLD_COURSE)) == "i4x://Org/Course/html/b1"


def test_old_style_writes_no_branch_or_version_of_a_course() -> None:
    assert str(OLD_COURSE.for_branch("draft").for_version(VERSION)) == "Org/Course/Run"
    assert str(OLD_COURSE.for_branch("draft").asset("a.png")) == "/c4x/Org/Course/asset/a.png@draft"


def test_keys_of_different_kinds_are_never_equal() -> None:
    usage, asset = UsageKey(COURSE, "x", "y"), AssetKey(COURSE, "x", "y")
    assert usage != asset
    assert not usage == asset  # noqa: SIM201  # __eq__ and __ne__ are written separately
    assert usage != (COURSE, "x", "y")
    assert CourseKey("Org", "Lib", "library") != LIBRARY
    assert COURSE != OLD_COURSE
    assert str(COURSE) != COURSE
    assert len({usage, asset, CourseKey("Org", "Lib", "library"), LIBRARY, COURSE, OLD_COURSE}) == 6


def test_keys_cannot_be_changed() -> None:
    for key in (
        COURSE,
        LIBRARY,
        COURSE.usage("html", "b1"),
        COURSE.asset("a.png"),
        BlockKey("html", "b1"),
        VERSION,
    ):
        for name in ("course", "type", "anything"):
            with pytest.raises(AttributeError):
                setattr(key, name, "other")


def test_absent_parts_sort_first_and_courses_before_libraries() -> None:
    in_order: list[ContextKey] = [
        VERSION_ONLY,
        OLD_CONTEXT,
        COURSE,
        OLD_COURSE,
        COURSE.for_version(VERSION),
        COURSE.for_branch("a"),
        COURSE.for_branch("b"),
        CourseKey("Org", "Course", "Run2"),
        CourseKey("Org2", "A", "A"),
        LibraryKey(None, None, version=VERSION),
        LIBRARY,
        LIBRARY.for_branch("library"),
    ]
    mixed = in_order[::-1]
    assert sorted(mixed) == in_order
    assert sorted(key.usage("html", "b1") for key in mixed) == [key.usage("html", "b1") for key in in_order]
    assert sorted(key.asset("a.png") for key in mixed) == [key.asset("a.png") for key in in_order]


def test_courses_do_not_sort_with_texts() -> None:
    for compare in ("__lt__", "__le__", "__gt__", "__ge__"):
        assert getattr(COURSE, compare)("course-v1:Org+Course+Run") is NotImplemented


# --- Names -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["b1", "a" * 500, "Ünï", "課程", "-", "~.:_", "٣", "²"])
def test_block_ids(text: str) -> None:
    assert is_block_id(text)
    assert TheirUsageKey.from_string(f"block-v1:O+C+R+type@{text}+block@{text}").block_id == text


@pytest.mark.parametrize(
    "text", ["", "a b", "a\n", "a/b", "a+b", "a@b", "50%", "a,b", "e\u0301", "(a)", "\u200d"]
)
def test_no_block_ids(text: str) -> None:
    assert not is_block_id(text)
    with pytest.raises(InvalidKeyError):
        TheirCourseKey.from_string("course-v1:O+C+R").make_usage_key("html", text)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("images/pic name (1).png", "images_pic_name__1_.png"),
        ("a.png", "a.png"),
        ("50%-Ünï_課.png", "50%-Ünï_課.png"),
        ("~:+,;=@#&'()[]{}!$* ", "_" * 20),
        ("a\\b\n", "a_b_"),
    ],
)
def test_asset_names(path: str, name: str) -> None:
    assert asset_name(path) == name


def test_derived_ids_hash_the_source_key_with_its_branch_and_without_its_version() -> None:
    # Open edX split modulestore, derived block ids: the text of a bytes literal is hashed.
    source = LibraryKey("Org", "Lib", "library", VERSION).for_version(None)
    derived = [
        hashlib.sha1(f"{str(key).encode()!r}:b1:parent".encode()).hexdigest()[:20]
        for key in (source, source.bare)
    ]
    assert derived == ["ab27eb58f6910fc83915", "ad653f0e948e5c97adde"]


# --- Properties --------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(
    st.one_of(
        st.tuples(context_keys(), st.just(parse_course_key)),
        st.tuples(usage_keys(), st.just(parse_usage_key)),
        st.tuples(asset_keys(), st.just(parse_asset_key)),
        st.tuples(definition_keys(), st.just(parse_definition_key)),
    )
)
def test_round_trips(case: tuple[Key, Parse]) -> None:
    key, parse = case
    assert parse(str(key)) == key
    assert hash(parse(str(key))) == hash(key)
    for same in (copy.copy(key), copy.deepcopy(key), pickle.loads(pickle.dumps(key))):
        assert same == key
        assert type(same) is type(key)


@settings(deadline=None)
@given(version_ids())
def test_version_ids_round_trip(version: VersionId) -> None:
    assert VersionId.parse(str(version)) == version
    for same in (copy.copy(version), copy.deepcopy(version), pickle.loads(pickle.dumps(version))):
        assert same == version
        assert type(same) is VersionId


@settings(deadline=None)
@given(context_keys(), context_keys())
def test_contexts_have_a_total_order(a: ContextKey, b: ContextKey) -> None:
    assert (a < b) + (a == b) + (a > b) == 1
    assert (a <= b) is (a < b or a == b)
    assert (a >= b) is (a > b or a == b)
    assert (a.usage("x", "y") < b.usage("x", "y")) is (a < b)


@settings(deadline=None)
@given(context_keys(), block_keys(), names())
def test_as_functions_pass_our_keys_through(context: ContextKey, block: BlockKey, name: str) -> None:
    usage, asset = context.usage(*block), context.asset(name)
    assert as_course_key(context) is context
    assert as_usage_key(usage) is usage
    assert as_asset_key(asset) is asset


@pytest.mark.parametrize(
    "thing", [None, 1, b"course-v1:Org+Course+Run", object(), BlockKey("html", "b1"), VERSION]
)
@pytest.mark.parametrize("convert", [as_course_key, as_usage_key, as_asset_key])
def test_as_functions_refuse_what_is_no_key(convert: Callable[[object], Key], thing: object) -> None:
    with pytest.raises(InvalidKey):
        convert(thing)


def test_as_functions_refuse_keys_of_another_kind() -> None:
    with pytest.raises(InvalidKey, match="is not a course key"):
        as_course_key(COURSE.usage("html", "b1"))
    with pytest.raises(InvalidKey, match="is not a block key"):
        as_usage_key(COURSE)
    with pytest.raises(InvalidKey, match="is not a file key"):
        as_asset_key(COURSE.usage("asset", "a.png"))


@settings(deadline=None)
@given(st.text())
@example("images/pic name (1).png~:+,;=@#&é%")
def test_asset_names_are_the_platforms(path: str) -> None:
    assert asset_name(path) == AssetLocator.clean_keeping_underscores(path.replace("/", "_"))
