"""Links in content and URLs, one made the other."""

from __future__ import annotations

import json
from html import escape
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modulestore.errors import InvalidInput
from modulestore.keys import ContextKey, CourseKey, LibraryKey, asset_name
from modulestore.keys.asset_urls import AssetPath, asset_path, parse_asset_path
from modulestore.model.files import CourseFile
from modulestore.model.static_links import StaticLinks

COURSE = CourseKey("Example", "Links", "2026")
OLD = CourseKey("Example", "Links", "2012", deprecated=True)
COURSES: list[ContextKey] = [COURSE, OLD, LibraryKey("Example", "Shelf")]
CDN = "https://cdn.example.com"
MD5 = "0123456789abcdef" * 2


def file(
    path: str, course: ContextKey = COURSE, *, locked: bool = False, md5: str | None = MD5
) -> CourseFile:
    return CourseFile(
        course.asset(asset_name(path)),
        1,
        path,
        locked=locked,
        md5=md5,
        import_path=path if "/" in path else None,
    )


LINKS = StaticLinks.of(
    COURSE,
    [
        file("pic (1).png"),
        file("images/tides.png"),
        file("Größe_100%.pdf"),
        file("a%20b.png"),
        file("locked.pdf", locked=True),
        file("page.html"),
        file("player.swf"),
        file("data.xml"),
        file("undigested.bin", md5=None),
    ],
)
URL = f"{CDN}/assets/courseware/v1/{MD5}/asset-v1:Example+Links+2026+type@asset+block@"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('<img src="/static/images/tides.png">', '<img src="{}images_tides.png">'),
        ("<img src='/static/images_tides.png'>", "<img src='{}images_tides.png'>"),
        ('<img src="/static/pic (1).png" alt="">', '<img src="{}pic__1_.png" alt="">'),
        ('<img src="/static/pic%20%281%29.png">', '<img src="{}pic__1_.png">'),
        ('"/static/Gr&ouml;&szlig;e_100%.pdf"', '"{}Gr%C3%B6%C3%9Fe_100%25.pdf"'),
        ('"/static/a%20b.png"', '"{}a%2520b.png"'),
        ("/static/images/tides.png", "{}images_tides.png"),
        ("a { background: url(/static/images/tides.png) }", "a {{ background: url({}images_tides.png) }}"),
        ("url( '/static/images/tides.png' )", "url( '{}images_tides.png' )"),
        (
            'style="background: url(&quot;/static/data.xml&quot;)"',
            'style="background: url(&quot;{}data.xml&quot;)"',
        ),
        (
            '<i srcset="/static/data.xml 1,\n  /static/page.html 2x, /static/no.png" src="/static/data.xml">',
            '<i srcset="{0}data.xml 1,\n  {0}page.html 2x, /static/no.png" src="{0}data.xml">',
        ),
        (
            '{"a": "/static/data.xml", "b": ["/static/data.xml"]}',
            '{{"a": "{0}data.xml", "b": ["{0}data.xml"]}}',
        ),
        ('{\\"a\\": \\"/static/data.xml\\"}', '{{\\"a\\": \\"{}data.xml\\"}}'),
        ("data='{&#34;a&#34;: &#34;/static/data.xml&#34;}'", "data='{{&#34;a&#34;: &#34;{}data.xml&#34;}}'"),
        ('"/static/data.xml?v=1#top"', '"{}data.xml?v=1#top"'),
        # Left alone: no file, no link, nobody's links.
        ('"/static/nowhere.png"', '"/static/nowhere.png"'),
        ("see /static/data.xml there", "see /static/data.xml there"),
        ('"https://example.com/static/data.xml"', '"https://example.com/static/data.xml"'),
        ('"/static/"', '"/static/"'),
        ('"/static/data.xml', '"/static/data.xml'),
        ("\"/static/data.xml'", "\"/static/data.xml'"),
        ("", ""),
    ],
)
def test_links_become_urls(text: str, expected: str) -> None:
    if expected == text:
        assert LINKS.rewrite(text, base=CDN) == text
    else:
        assert LINKS.rewrite(text, base=f"{CDN}/") == expected.format(URL)


def test_what_is_not_on_the_cdn() -> None:
    key = str(COURSE.asset("locked.pdf"))
    assert LINKS.rewrite('"/static/locked.pdf"', base=CDN) == f'"/{key}"', "no host, and no digest to be seen"
    page = str(COURSE.asset("page.html"))
    assert LINKS.rewrite('"/static/page.html"', base=CDN, exclude={".html"}) == f'"/{page}"'
    undigested = str(COURSE.asset("undigested.bin"))
    assert LINKS.rewrite('"/static/undigested.bin"', base=CDN) == f'"{CDN}/{undigested}"'
    assert LINKS.rewrite('"/static/data.xml"') == f'"{URL.removeprefix(CDN)}data.xml"'


def test_values_in_queries() -> None:
    text = '"/static/player.swf?config=/static/data.xml&amp;doc=%2Fstatic%2Flocked.pdf&x=/static/nowhere"'
    inside = quote(f"{URL}data.xml", safe="/:")
    locked = quote(asset_path(COURSE.asset("locked.pdf")), safe="/:")
    rewritten = LINKS.rewrite(text, base=CDN)
    assert rewritten == f'"{URL}player.swf?config={inside}&amp;doc={locked}&x=/static/nowhere"'
    assert LINKS.portable(rewritten, base=CDN) == text.replace("%2Fstatic%2F", "/static/")
    deep = '"/static/player.swf?a=/static/player.swf%3Fb%3D/static/data.xml"'
    assert LINKS.portable(LINKS.rewrite(deep, base=CDN), base=CDN) == deep
    assert {found.key.name for found in LINKS.linked(deep)} == {"player.swf", "data.xml"}


def test_values_that_are_no_text() -> None:
    settings = {"url": "/static/data.xml", "chapters": [{"url": "/static/nowhere"}, 7, None, True]}
    rewritten = LINKS.rewrite(settings, base=CDN)
    assert rewritten == {"url": f"{URL}data.xml", "chapters": [{"url": "/static/nowhere"}, 7, None, True]}
    assert LINKS.portable(rewritten, base=CDN) == settings


def test_urls_that_are_portable_whoever_wrote_them() -> None:
    for url in (
        f"{URL}images_tides.png",
        "/asset-v1:Example+Links+2026+type@asset+block@images_tides.png",
        "/asset-v1:Example+Links+2026+type@asset+block/images_tides.png",
        f"/assets/courseware/{MD5}/asset-v1:Example+Links+2026+type@asset+block@images_tides.png",
        f"/assets/courseware/v1/{'f' * 32}/asset-v1:Example+Links+2026+type@asset+block@images_tides.png",
    ):
        assert LINKS.portable(f'<img src="{url}">', base=CDN) == '<img src="/static/images/tides.png">'
    gone = "/asset-v1:Example+Links+2026+type@asset+block@gone.png"
    assert LINKS.portable(gone) == "/static/gone.png", "a URL leads nowhere in another course, file or not"
    for url in (
        "/asset-v1:Example+Other+2026+type@asset+block@data.xml",
        "/asset-v1:Example+Links+2026+type@thumbnail+block@data.jpg",
        "/asset-v1:nonsense",
        "/c4x/Example/Links/asset/data.xml",
        "https://elsewhere.example.com/asset-v1:Example+Links+2026+type@asset+block@data.xml",
    ):
        assert LINKS.portable(f'"{url}"', base=CDN) == f'"{url}"'


def test_import_paths_that_would_not_come_back() -> None:
    odd = file("pic.png")
    links = StaticLinks.of(
        COURSE,
        [
            CourseFile(odd.key, 1, "", md5=MD5, import_path="elsewhere/pic.png"),
            CourseFile(COURSE.asset("a_b.png"), 1, "", md5=MD5, import_path="a b.png"),
        ],
    )
    assert (
        links.portable(links.rewrite('"/static/pic.png" "/static/a b.png"'))
        == '"/static/pic.png" "/static/a_b.png"'
    )


@pytest.mark.parametrize(
    "base", ['https://cdn"', "javascript:alert(1)", "cdn.example.com", "https://a b", "//x/<y>"]
)
def test_what_no_url_begins_with(base: str) -> None:
    for call in (LINKS.rewrite, LINKS.portable):
        with pytest.raises(InvalidInput):
            call("text", base=base)


@pytest.mark.parametrize("course", COURSES)
@given(name=st.from_regex(r"[\w\-~.:%]+", fullmatch=True), digest=st.none() | st.just(MD5))
def test_paths_of_urls_are_read_again(course: ContextKey, name: str, digest: str | None) -> None:
    path = asset_path(course.asset(name), digest)
    assert path.isascii()
    found = parse_asset_path(unquote(path))
    assert found is not None
    key = course.asset(name) if course is not OLD else found.key
    assert found == AssetPath(key, digest)
    assert str(found.key) == str(course.asset(name))


# --- laws

NAMES = st.from_regex(r"[\w\-.%]{1,8}", fullmatch=True).filter(lambda name: name.strip("."))
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
NOISE = st.sampled_from(
    [
        "",
        " ",
        "<p>",
        "</p>\n",
        "text",
        '"',
        "'",
        "\\",
        "&quot;",
        "=",
        "(",
        ")",
        ",",
        "/static/",
        "srcset=",
        "url(",
        "?a=",
    ]
)
CONTEXTS = [
    '<img src="{}">',
    "<img src='{}'>",
    "url({})",
    "url('{}')",
    '<img srcset="{} 1x, https://example.com/a.png 2x">',
    '{{"a": "{}"}}',
    '{{\\"a\\": \\"{}\\"}}',
    "&quot;{}&quot;",
    '"{}?a=1&amp;b=2#c"',
]


@pytest.mark.parametrize("course", COURSES)
@given(
    data=st.data(),
    base=st.sampled_from(["", CDN, "//cdn.example.com", "/below", "https://a.example:8000/b/"]),
)
def test_portable_undoes_rewriting(course: ContextKey, data: st.DataObject, base: str) -> None:
    """Of links in canonical spelling: the path of import, or else the name."""
    paths = data.draw(st.lists(PATHS, max_size=6, unique_by=asset_name))
    files = [file(path, course, locked=data.draw(st.booleans())) for path in paths]
    links = StaticLinks.of(course, files)
    spellings = [f"/static/{path}" for path in paths] + ["/static/nowhere_to_be_found"]
    parts = data.draw(
        st.lists(
            NOISE | st.builds(str.format, st.sampled_from(CONTEXTS), st.sampled_from(spellings)), max_size=12
        )
    )
    text = "".join(parts)
    rewritten = links.rewrite(text, base=base, exclude=data.draw(st.sampled_from([(), {".a", "b"}])))
    assert links.portable(rewritten, base=base) == text
    for link in spellings:
        shown = "\n".join(links.rewrite(context.format(link), base=base) for context in CONTEXTS)
        assert links.rewrite(shown, base=base) == shown, "what is rewritten is no link any more"
        assert links.portable(links.rewrite(link, base=base), base=base) == link
        assert json.loads(links.rewrite(json.dumps([link], ensure_ascii=False), base=base)) == [
            links.rewrite(link, base=base)
        ]
        found = links.find(link.removeprefix("/static/"))
        assert (found is None) == (link == spellings[-1])
        if found is not None:
            assert links.find(escape(link.removeprefix("/static/"))) == found
            assert (f"{base.rstrip('/')}/" in links.rewrite(link, base=base)) or found.locked


@given(st.text(alphabet="\"'\\/static:asset-v1+@()<>=,;&?# \nsrceurlq.", max_size=200))
def test_any_text(text: str) -> None:
    for _ in range(2):
        text = LINKS.portable(LINKS.rewrite(text, base=CDN), base=CDN)
    assert LINKS.portable(LINKS.rewrite(text, base=CDN), base=CDN) == text


def test_texts_that_would_take_long() -> None:
    """Links that never end cost no more than their number."""
    for text in (
        '"/static/x' * 40_000,
        "srcset='" * 40_000,
        "url(/static/" * 40_000,
        '"/static/?a=' * 40_000,
    ):
        assert LINKS.rewrite(text, base=CDN) == text
        assert LINKS.portable(text, base=CDN) == text
