"""What comes with a file, by what it is and how it was asked for."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from modulestore.origin import origin
from modulestore.origin.urls import asset_path
from tests.origin.client import fetch
from tests.origin.conftest import Site
from tests.origin.files import BYTES, COURSE, LOCKED, NOTES, fill, later, path_of, stored
from tests.origin.servers import serving

NO_DIGEST = "0" * 32


@pytest.mark.parametrize("text", [text for text in BYTES if text != LOCKED])
def test_every_file_comes_out_byte_for_byte(site: Site, text: str) -> None:
    file = stored(site.url, text)
    for path in (asset_path(file), asset_path(file, versioned=True)):
        reply = site.get(path)
        assert (reply.status, reply.body) == (200, BYTES[text])


@pytest.mark.parametrize(
    "path",
    [
        path_of("notes.txt"),
        path_of("notes.txt").replace("block@", "block/"),
        path_of("notes.txt").replace("@", "%40").replace("+", "%2B"),
        path_of("notes.txt").replace("block@", "block%2F"),
        path_of("notes.txt").replace("+type", "+branch@draft-branch+version@" + "0" * 24 + "+type"),
        path_of("notes.txt") + "?v=1",
        "{v1}",
        "{versioned}",
        "{versioned}?v=1",
        "{upper}",
    ],
)
def test_spellings_of_a_path(site: Site, path: str) -> None:
    file = site.file("notes.txt")
    assert file.md5
    v1 = f"/assets/courseware/v1/{file.md5}{path_of('notes.txt')}"
    upper = v1.replace(file.md5, file.md5.upper())
    named = path.format(v1=v1, versioned=v1.replace("v1/", ""), upper=upper)
    assert site.get(named).body == NOTES


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 404),
        ("/favicon.ico", 404),
        ("/static/notes.txt", 404),
        ("/asset-v1", 404),
        (path_of("nothing.txt"), 404),
        (path_of("notes.txt").replace("MS101", "MS102"), 404),
        (path_of("notes.txt").replace("type@asset", "type@thumbnail"), 404),
        (f"/assets/courseware/v1/{NO_DIGEST}{path_of('nothing.txt')}", 404),
        (f"/assets/courseware/v1/{NO_DIGEST[1:]}{path_of('notes.txt')}", 404),
        (f"/assets/courseware/v2/{NO_DIGEST}{path_of('notes.txt')}", 404),
        (f"/{path_of('notes.txt')}", 404),
        ("/asset-v1:", 400),
        ("/asset-v1:Example", 400),
        (path_of(""), 400),
        (path_of("a/b.txt"), 400),
        (path_of("a%2Fb.txt"), 400),
        (path_of("../notes.txt"), 400),
        (path_of("%2e%2e%2f%2e%2e%2fetc%2fpasswd"), 400),
        (path_of("a%00b"), 400),
        (path_of("a%0d%0ab"), 400),
        (path_of("a%FFb"), 400),
        (path_of("a b").replace(" ", "%20"), 400),
        (path_of("notes.txt/"), 400),
        ("/asset-v1:version@" + "0" * 24 + "+type@asset+block@notes.txt", 400),
        ("/c4x/Old/Style", 400),
        ("/c4x/Old/Style/asset/../../../notes.txt", 400),
        (f"/assets/courseware/v1/{NO_DIGEST}/asset-v1:x", 400),
        ("/course-v1:Example+MS101+2026", 404),
    ],
)
def test_paths_that_lead_nowhere(site: Site, path: str, status: int) -> None:
    for method in ("GET", "HEAD", "OPTIONS"):
        reply = site.get(path, method)
        assert reply.status == status
        assert reply.headers["cache-control"] == "no-store"
        assert reply.headers["content-type"] == "text/plain; charset=utf-8"
        assert reply.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("name", "kind", "policy"),
    [
        ("notes.txt", "text/plain", None),
        ("big.bin", "application/octet-stream", None),
        ("letters.woff2", "font/woff2", None),
        ("archive", "application/octet-stream", None),
        (quote("Übung-1.pdf"), "application/pdf", None),
        ("page.html", "text/html; charset=UTF-8", "sandbox allow-downloads"),
        ("drawing.svg", "image/svg+xml", "default-src 'none'"),
    ],
)
def test_types_and_policies(site: Site, name: str, kind: str, policy: str | None) -> None:
    headers = site.get(path_of(name)).headers
    assert headers["content-type"] == kind
    assert headers["x-content-type-options"] == "nosniff"
    assert headers.get("content-security-policy", "").startswith(policy or "")
    assert ("content-security-policy" in headers) == (policy is not None)


def test_a_download_has_the_name_that_authors_see(site: Site) -> None:
    headers = site.get(path_of(quote("Übung-1.pdf"))).headers
    full = "%C3%9Cbung%20%E2%84%961:%20%C2%ABStra%C3%9Fe%C2%BB.pdf".replace(":", "%3A")
    assert headers["content-disposition"] == (
        f"inline; filename=\"_bung _1: _Stra_e_.pdf\"; filename*=UTF-8''{full}"
    )


def test_how_long_caches_may_keep_it(site: Site) -> None:
    file = site.file("notes.txt")
    kept = {
        path: site.get(path).headers["cache-control"]
        for path in (asset_path(file), asset_path(file, versioned=True))
    }
    assert list(kept.values()) == ["public, max-age=300", "public, max-age=31536000, immutable"]


def test_another_digest_leads_to_the_one_of_today(site: Site) -> None:
    file = site.file("notes.txt")
    for path in (f"/assets/courseware/v1/{NO_DIGEST}", f"/assets/courseware/{NO_DIGEST}"):
        reply = site.get(
            f"{path}{path_of('notes.txt')}?a=b%20c&d='%22'", If_None_Match="*", Range="bytes=0-1"
        )
        assert reply.status == 302
        assert reply.headers["location"] == f"{asset_path(file, versioned=True)}?a=b%20c&d='%22'"
        assert reply.headers["cache-control"] == "public, no-cache"
        assert site.get(reply.headers["location"]).body == NOTES


def test_any_site_may_read_what_everybody_may(site: Site) -> None:
    headers = site.get(path_of("letters.woff2"), Origin="https://courses.example.com").headers
    assert headers["access-control-allow-origin"] == "*"
    assert headers["cross-origin-resource-policy"] == "cross-origin"
    assert "vary" not in headers
    asked = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "range"}
    reply = fetch(site.port, path_of("letters.woff2"), "OPTIONS", {"Origin": "https://a.example"} | asked)
    assert (reply.status, reply.body) == (204, b"")
    assert reply.headers["access-control-allow-origin"] == "*"
    assert "GET" in reply.headers["access-control-allow-methods"]
    assert "Range" in reply.headers["access-control-allow-headers"]


def test_health(site: Site) -> None:
    assert (site.get("/healthz").status, site.get("/healthz").body) == (200, b"ok\n")
    assert site.get("/healthz", "HEAD").status == 200
    assert site.get("/healthz", "POST").status == 405


@pytest.mark.parametrize("mount", ["/files", "/a b/ü"])
def test_mounted_in_another_application(tmp_path: Path, mount: str) -> None:
    url = f"sqlite:///{tmp_path}/courses.db"
    fill(url)
    file = stored(url, f"{COURSE}notes.txt")
    place = quote(mount)
    with serving(url, lambda source: Starlette(routes=[Mount(mount, origin(source, now=later))])) as server:
        assert fetch(server.port, place + asset_path(file)).body == NOTES
        assert fetch(server.port, f"{place}/healthz").status == 200
        assert fetch(server.port, asset_path(file)).status == 404
        moved = fetch(server.port, f"{place}/assets/courseware/v1/{NO_DIGEST}{asset_path(file)}")
        assert moved.headers["location"] == place + asset_path(file, versioned=True)
        assert fetch(server.port, moved.headers["location"]).body == NOTES
