"""Keys: every form of text, the values, and agreement with the platform's own key library."""

from __future__ import annotations

import copy
import hashlib
import pickle
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest
from bson import ObjectId
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from opaque_keys import InvalidKeyError
from opaque_keys.edx.keys import AssetKey as TheirAssetKey
from opaque_keys.edx.keys import CourseKey as TheirCourseKey
from opaque_keys.edx.keys import DefinitionKey as TheirDefinitionKey
from opaque_keys.edx.keys import UsageKey as TheirUsageKey
from opaque_keys.edx.locator import AssetLocator, DefinitionLocator, LibraryLocator

from modulestore.errors import InvalidKey
from modulestore.keys import (
    AssetKey,
    BlockKey,
    ContextKey,
    CourseKey,
    DefinitionKey,
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
    course_keys,
    definition_keys,
    file_names,
    names,
    usage_keys,
    version_ids,
)

HEX = "519665f6223ebd6980884f2b"
VERSION = VersionId.parse(HEX)
COURSE = CourseKey("Org", "Course", "Run")
LIBRARY = LibraryKey("Org", "Lib")
OLD_COURSE = CourseKey("Org", "Course", "Run", deprecated=True)
OLD_CONTEXT = CourseKey("Org", "Course", None, deprecated=True)
VERSION_ONLY = CourseKey(None, None, None, version=VERSION)

Key = ContextKey | UsageKey | AssetKey | DefinitionKey
Parse = Callable[[str], Key]

# --- The forms of text -------------------------------------------------------------------------------------

FORMS: list[tuple[str, Parse, Key]] = [
    ("course-v1:Org+Course+Run", parse_course_key, COURSE),
    ("course-v1:Org+Course+Run+branch@draft-branch", parse_course_key, COURSE.for_branch("draft-branch")),
    (f"course-v1:Org+Course+Run+version@{HEX}", parse_course_key, COURSE.for_version(VERSION)),
    (
        f"course-v1:Org+Course+Run+branch@draft-branch+version@{HEX}",
        parse_course_key,
        CourseKey("Org", "Course", "Run", "draft-branch", VERSION),
    ),
    (f"course-v1:version@{HEX}", parse_course_key, VERSION_ONLY),
    ("course-v1:Ünï.x+C~1:2+2024_T-1", parse_course_key, CourseKey("Ünï.x", "C~1:2", "2024_T-1")),
    ("course-v1:Org+Lib+library", parse_course_key, CourseKey("Org", "Lib", "library")),
    ("library-v1:Org+Lib", parse_course_key, LIBRARY),
    ("library-v1:Org+Lib+branch@library", parse_course_key, LIBRARY.for_branch("library")),
    (
        f"library-v1:Org+Lib+branch@library+version@{HEX}",
        parse_course_key,
        LibraryKey("Org", "Lib", "library", VERSION),
    ),
    (f"library-v1:version@{HEX}", parse_course_key, LibraryKey(None, None, version=VERSION)),
    ("Org/Course/Run", parse_course_key, OLD_COURSE),
    ("Ünï.x/C%20/2024_T-1", parse_course_key, CourseKey("Ünï.x", "C%20", "2024_T-1", deprecated=True)),
    ("block-v1:Org+Course+Run+type@problem+block@b1", parse_usage_key, COURSE.usage("problem", "b1")),
    ("block-v1:Org+Course+Run+type@a:b+block@~.-_:é", parse_usage_key, COURSE.usage("a:b", "~.-_:é")),
    (
        f"block-v1:Org+Course+Run+branch@published-branch+version@{HEX}+type@html+block@b1",
        parse_usage_key,
        CourseKey("Org", "Course", "Run", "published-branch", VERSION).usage("html", "b1"),
    ),
    (f"block-v1:version@{HEX}+type@html+block@b1", parse_usage_key, VERSION_ONLY.usage("html", "b1")),
    ("lib-block-v1:Org+Lib+type@problem+block@b1", parse_usage_key, LIBRARY.usage("problem", "b1")),
    (
        f"lib-block-v1:Org+Lib+branch@library+version@{HEX}+type@problem+block@b1",
        parse_usage_key,
        LibraryKey("Org", "Lib", "library", VERSION).usage("problem", "b1"),
    ),
    ("i4x://Org/Course/problem/b1", parse_usage_key, OLD_CONTEXT.usage("problem", "b1")),
    ("i4x://Org/Course/problem/50%:~", parse_usage_key, OLD_CONTEXT.usage("problem", "50%:~")),
    (
        "i4x://Org/Course/problem/b1@draft",
        parse_usage_key,
        OLD_CONTEXT.for_branch("draft").usage("problem", "b1"),
    ),
    ("asset-v1:Org+Course+Run+type@asset+block@a.png", parse_asset_key, COURSE.asset("a.png")),
    ("asset-v1:Org+Course+Run+type@asset+block@50%.png", parse_asset_key, COURSE.asset("50%.png")),
    (
        "asset-v1:Org+Course+Run+type@thumbnail+block@a-png.jpg",
        parse_asset_key,
        AssetKey(COURSE, "a-png.jpg", "thumbnail"),
    ),
    (
        f"asset-v1:Org+Course+Run+branch@b+version@{HEX}+type@asset+block@a.png",
        parse_asset_key,
        CourseKey("Org", "Course", "Run", "b", VERSION).asset("a.png"),
    ),
    (f"asset-v1:version@{HEX}+type@asset+block@a.png", parse_asset_key, VERSION_ONLY.asset("a.png")),
    ("asset-v1:Org+Lib+type@asset+block@a.png", parse_asset_key, LIBRARY.asset("a.png")),
    (
        "asset-v1:Org+Lib+branch@library+type@asset+block@a.png",
        parse_asset_key,
        LIBRARY.for_branch("library").asset("a.png"),
    ),
    ("/c4x/Org/Course/asset/a.png", parse_asset_key, OLD_CONTEXT.asset("a.png")),
    (
        "/c4x/Org/Course/thumbnail/a.png@draft",
        parse_asset_key,
        AssetKey(OLD_CONTEXT.for_branch("draft"), "a.png", "thumbnail"),
    ),
    (f"def-v1:{HEX}+type@problem", parse_definition_key, DefinitionKey(VERSION, "problem")),
]

REFUSED: list[tuple[Parse, list[str]]] = [
    (
        parse_course_key,
        [
            "",
            "course-v1",
            "course-v1:",
            "course-v1:Org+Course",
            "course-v1:Org+Course+",
            "course-v1:Org+Course+Run+Extra",
            "course-v1:Org+Course+Run\n",
            " course-v1:Org+Course+Run",
            "Course-v1:Org+Course+Run",
            "course-v1:Or g+Course+Run",
            "course-v1:Or%g+Course+Run",
            "course-v1:Org+Course+Run+branch@",
            "course-v1:Org+Course+Run+branch@a+branch@b",
            f"course-v1:Org+Course+Run+version@{HEX}+branch@a",
            f"course-v1:Org+Course+Run+version@{HEX.upper()}",
            f"course-v1:Org+Course+Run+version@{HEX[:-1]}",
            f"course-v1:Org+Course+Runversion@{HEX}",
            f"course-v1:version@{HEX}+branch@a",
            "course-v1:branch@a",
            "library-v1:Org",
            "library-v1:Org+Lib+",
            "Org/Course",
            "Org/Course/Run/",
            "Org/Course/Run\n",
            "Or:g/Course/Run",
            "block-v1:Org+Course+Run+type@problem+block@b1",
        ],
    ),
    (
        parse_usage_key,
        [
            "",
            "block-v1:Org+Course+Run",
            "block-v1:Org+Course+Run+type@problem",
            "block-v1:Org+Course+Run+type@problem+block@",
            "block-v1:Org+Course+Run+type@+block@b1",
            "block-v1:Org+Course+Run+type@problem+block@b1\n",
            "block-v1:Org+Course+Run+type@problem+block@a/b",
            "block-v1:Org+Course+Run+type@problem+block@a b",
            "block-v1:Org+Course+Run+type@problem+block@50%",
            "block-v1:Org+Course+type@problem+block@b1",
            "lib-block-v1:Org+type@problem+block@b1",
            "i4x:/Org/Course/problem/b1",
            "i4x://Org/Course/problem/",
            "i4x://Org/Course/problem/a/b",
            "i4x://Org/Course/problem/b1@",
            "i4x://Org/Course/problem/b1@a@b",
            "asset-v1:Org+Course+Run+type@asset+block@a.png",
        ],
    ),
    (
        parse_asset_key,
        [
            "",
            "asset-v1:Org+Course+Run+type@asset+block",
            "asset-v1:Org+Course+Run+type@asset+block@",
            "asset-v1:Org+Course+Run+type@asset+block@a/b.png",
            "asset-v1:Org+Course+Run+type@asset+block@(a).png",
            "asset-v1:Org+type@asset+block@a.png",
            "c4x/Org/Course/asset/a.png",
            "c4x:/Org/Course/asset/a.png",
            "/c4x/Org/Course/asset/a b.png",
            "block-v1:Org+Course+Run+type@asset+block@a.png",
        ],
    ),
    (
        parse_definition_key,
        [
            "",
            f"def-v1:{HEX}",
            f"def-v1:{HEX.upper()}+type@problem",
            f"def-v1:{HEX[:-1]}+type@problem",
            f"def-v1:{HEX}+type@problem\n",
        ],
    ),
]


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


# --- Agreement with the platform's own key library ---------------------------------------------------------


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
