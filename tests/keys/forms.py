"""Every form of text that is a key, and texts that are none."""

from __future__ import annotations

from collections.abc import Callable

from modulestore.keys import (
    AssetKey,
    ContextKey,
    CourseKey,
    DefinitionKey,
    LibraryKey,
    UsageKey,
    VersionId,
    parse_asset_key,
    parse_course_key,
    parse_definition_key,
    parse_usage_key,
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
