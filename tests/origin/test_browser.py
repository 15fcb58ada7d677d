"""A real browser shows a picture from the origin, plays and seeks a video, and keeps to the policies."""

from __future__ import annotations

import io
import json
import math
import queue
import shutil
import struct
import subprocess
import wave
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route
from starlette.types import Message, Receive, Scope, Send

import modulestore
from modulestore.model.files import CourseFile
from modulestore.origin import Source, origin
from tests.origin.files import COURSE, key_of
from tests.origin.servers import serving
from tests.origin.webm import film
from tests.server_notes import missing, used

PROGRAMS = ("chromium", "chromium-headless-shell", "chromium-browser", "google-chrome")
OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--mute-audio"),
    "--autoplay-policy=no-user-gesture-required",
)
SECONDS = 120

# Everything the page finds out it tells the server. ``other`` is the same server under another name, which
# makes it another site.
PAGE = """<!doctype html><meta charset="utf-8"><body><script>
const here = "/files/COURSE", other = `http://localhost:${location.port}/files/COURSE`;
const tell = found => fetch("/found", {method: "POST", body: JSON.stringify(found)});
const heard = once => new Promise(resolve => addEventListener("message", once(resolve)));
async function picture() {
  const image = new Image();
  image.src = here + "picture.png";
  document.body.append(image);
  await image.decode();
  return [image.naturalWidth, image.naturalHeight];
}
async function recording(media, name) {
  const audio = document.createElement(media);
  audio.src = here + name;
  document.body.append(audio);
  const until = name => new Promise((done, fail) => {
    audio.addEventListener(name, done, {once: true});
    audio.addEventListener("error", () => fail(new Error(audio.error.message)), {once: true});
  });
  await until("loadedmetadata");
  const duration = audio.duration;
  await audio.play();
  await until("timeupdate");
  const played = audio.currentTime;
  const seeked = until("seeked");
  audio.currentTime = 100;
  await seeked;
  await audio.play();
  await until("timeupdate");
  return {
    duration, played: played > 0 && played < 50, seeked: audio.currentTime >= 100,
    width: audio.videoWidth ?? 0,
  };
}
async function program() {
  const said = heard(done => event => done({...event.data, from: event.origin}));
  const frame = document.createElement("iframe");
  frame.src = here + "program.html";
  document.body.append(frame);
  return await said;
}
async function drawing() {
  const frame = document.createElement("iframe");
  frame.src = here + "drawing.svg";
  const loaded = new Promise(done => frame.addEventListener("load", done));
  document.body.append(frame);
  await loaded;
  return window.drew ?? "silent";
}
addEventListener("message", event => { if (event.data.drawing) window.drew = "ran"; });
const text = url => fetch(url).then(reply => reply.text(), () => "refused");
(async () => {
  try {
    document.cookie = "session=enrolled";
    await tell({
      picture: await picture(),
      recording: await recording("audio", "recording.wav"), film: await recording("video", "film.webm"),
      program: await program(), drawing: await drawing(),
      public: await text(other + "notes.txt"), locked: await text(other + "locked.txt"),
      mine: await text(here + "locked.txt"),
    });
  } catch (error) { await tell({error: String(error)}); }
})();
</script>""".replace("COURSE", COURSE)
PROGRAM = """<!doctype html><script>
let cookie = "none";
try { cookie = document.cookie } catch (error) { cookie = error.name }
parent.postMessage({cookie, origin: self.origin}, "*");
</script>"""
DRAWING = """<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><script>
parent.postMessage({drawing: true}, "*");</script></svg>"""


def picture(width: int, height: int) -> bytes:
    """A PNG, all grey."""
    rows = (b"\0" + b"\x80" * width) * height

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    end = chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + end


def recording() -> bytes:
    """Two minutes of one tone: twenty megabytes, so that a browser does not take it whole."""
    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setparams((2, 2, 44100, 0, "NONE", ""))
        tone = [int(9000 * math.sin(2 * math.pi * 441 * at / 44100)) for at in range(44100)]
        file.writeframes(b"".join(struct.pack("<hh", value, value) for value in tone) * SECONDS)
    return data.getvalue()


@pytest.fixture
def browser(request: pytest.FixtureRequest) -> str:
    """The program."""
    found = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if found is None:
        missing(request.config, "browser", "there is no Chromium on the PATH", "Install chromium.")
    version = subprocess.run([found, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    used(request.config, "browser", version)
    return found


@contextmanager
def opened(browser: str, folder: Path, url: str) -> Iterator[None]:
    """The browser, looking at a page."""
    with (folder / "browser.log").open("w") as log:
        command = (browser, *OPTIONS, f"--user-data-dir={folder}/profile", url)
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def test_a_page_with_files(browser: str, tmp_path: Path) -> None:
    sound, moving = recording(), film(SECONDS)
    found: queue.Queue[dict[str, Any]] = queue.Queue()
    parts: list[str] = []
    url = f"sqlite:///{tmp_path}/courses.db"
    with modulestore.connect(url) as store:
        for name, data in {
            "picture.png": picture(30, 20),
            "recording.wav": sound,
            "film.webm": moving,
            "program.html": PROGRAM.encode(),
            "drawing.svg": DRAWING.encode(),
            "notes.txt": b"for everybody",
            "locked.txt": b"for learners",
        }.items():
            file = CourseFile(key_of(COURSE + name), len(data), name, locked=name == "locked.txt")
            store._backend.files.put_many([(file, data)])

    async def page(request: Request) -> HTMLResponse:
        return HTMLResponse(PAGE)

    async def tell(request: Request) -> Response:
        found.put(json.loads(await request.body()))
        return Response()

    async def authorise(request: Request, file: CourseFile) -> bool:
        return request.cookies.get("session") == "enrolled"

    def site(source: Source) -> Starlette:
        files = origin(source, authorise=authorise)

        async def noted(scope: Scope, receive: Receive, send: Send) -> None:
            async def also_noted(message: Message) -> None:
                if message["type"] == "http.response.start" and message["status"] == 206:
                    parts.append(dict(message["headers"])[b"content-range"].decode())
                await send(message)

            await files(scope, receive, also_noted)

        routes = [Route("/", page), Route("/found", tell, methods=["POST"]), Mount("/files", noted)]
        return Starlette(routes=routes)

    with serving(url, site) as server, opened(browser, tmp_path, f"http://127.0.0.1:{server.port}/"):
        answer = found.get(timeout=120)
    assert answer == {
        "picture": [30, 20],
        "recording": {"duration": SECONDS, "played": True, "seeked": True, "width": 0},
        "film": {"duration": SECONDS, "played": True, "seeked": True, "width": 320},
        # It runs, but is of no site: neither cookies nor the page around it are in its reach.
        "program": {"cookie": "SecurityError", "origin": "null", "from": "null"},
        "drawing": "silent",
        "public": "for everybody",
        "locked": "refused",
        "mine": "for learners",
    }
    for data in (sound, moving):
        starts = [int(part[6:].partition("-")[0]) for part in parts if part.endswith(f"/{len(data)}")]
        assert any(start > len(data) // 2 for start in starts), "it got what it was sent to, not all before"
