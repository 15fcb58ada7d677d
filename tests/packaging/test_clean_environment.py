"""The wheel, installed as users install it: in an environment that has nothing but what it asks for."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import modulestore
from tests.packaging.building import EXTRAS, KEY, Environment, clean_variables, picture

OF_EXTRAS = {
    "motor": "motor",
    "opentelemetry": "opentelemetry",
    "origin": "starlette uvicorn h11",
    "plot": "matplotlib numpy",
    "s3": "fsspec s3fs aiobotocore",
    "thumbnails": "PIL",
}
OF_THE_COMMAND = "typer rich"

# What each extra is for, without it.
MISSING = [
    ("origin", "import modulestore.origin"),
    ("origin", "import modulestore.origin.server"),
    ("motor", "import modulestore.motor"),
    ("opentelemetry", "import modulestore.observing.opentelemetry"),
    ("s3", "store.assets.put(KEY, 'a.txt', b'text')"),
    ("thumbnails", "own.assets.put(KEY, 'a.png', b'', thumbnail=modulestore.Thumbnail())"),
]


class Said(NamedTuple):
    """What a command said."""

    code: int
    out: str
    err: str


def commands(environment: Environment, folder: Path, *all_words: Sequence[str]) -> list[Said]:
    """Commands, one after the other in one process, which is quicker; what each of them says."""
    program = f"""
import io, json
from contextlib import redirect_stderr, redirect_stdout
from modulestore.cli import main
for words in {list(map(list, all_words))!r}:
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(words)
    print(json.dumps([code, out.getvalue(), err.getvalue()]))
"""
    lines = environment.run("python", "-c", program, cwd=folder).stdout.splitlines()
    return [Said(*json.loads(line)) for line in lines]


def test_a_course_goes_in_and_out(clean: Environment, folder: Path) -> None:
    assert "import" in clean.run("modulestore", "--help", cwd=folder).stdout
    words = (["--version"], ["courses", "--json"], ["export", KEY, "out.tar.gz"], ["import", "out.tar.gz"])
    version, courses, exported, imported = commands(clean, folder, *words)
    assert version == Said(0, f"{modulestore.__version__}\n", "")
    assert [course["key"] for course in json.loads(courses.out)] == [KEY]
    assert exported.out.startswith(f"exported {KEY}")
    assert "nothing to do" in imported.out
    where = clean.run("python", "-c", "import modulestore; print(modulestore.__file__)", cwd=folder).stdout
    assert where.startswith(str(clean.packages))


def test_what_comes_with_it(clean: Environment, tmp_path: Path) -> None:
    """No package of an extra comes along; those that do are asked for, or are asked for by these."""
    program = "from importlib.metadata import distributions as all; print(*[one.name for one in all()])"
    there = set(clean.run("python", "-c", program, cwd=tmp_path).stdout.lower().split())
    assert {"modulestore", "pymongo", "msgpack", "zstandard", "pymemcache", "lxml", "typer", "rich"} <= there
    assert not there & {"motor", "starlette", "uvicorn", "matplotlib", "pillow", "s3fs", "fsspec", "pytest"}


def test_importing_the_library_loads_no_extra(tmp_path: Path) -> None:
    """In this environment, which has all of them."""
    program = (
        "import sys, modulestore; print(*sorted({name.partition('.')[0] for name in sys.modules}), sep='\\n')"
    )
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(finished.stdout.split())
    assert "bson" in loaded
    assert not loaded & {*" ".join(OF_EXTRAS.values()).split(), *OF_THE_COMMAND.split()}
    assert set(OF_EXTRAS) == set(EXTRAS)


def test_a_missing_extra_is_named(clean: Environment, folder: Path, mongodb_url: str) -> None:
    """By whoever wants it, and by nobody else; and who catches ImportError catches it."""
    program = f"""
import json, modulestore
from modulestore.errors import ExtraMissing
KEY = {KEY!r}
own = modulestore.connect("sqlite:///modulestore.db")
store = modulestore.connect({mongodb_url!r}, objects="s3://bucket/files")
store.create_course(KEY, title="Tides", author=1)
for statement in {[statement for _, statement in MISSING]!r}:
    try:
        exec(statement)
    except ImportError as error:
        print(json.dumps([type(error) is ExtraMissing, error.message, error.hint]))
    else:
        print(json.dumps(statement))
own.close()
store.close()
"""
    lines = clean.run("python", "-c", program, cwd=folder).stdout.splitlines()
    for (extra, statement), line in zip(MISSING, lines, strict=True):
        typed, message, hint = json.loads(line)
        assert typed, statement
        assert "No module named" in message
        assert hint == f"pip install 'modulestore[{extra}]'", statement


def test_commands_name_it_too(clean: Environment, folder: Path) -> None:
    picture(folder / "white.png")
    wanted = {
        "origin": ["serve", "--port", "0", "--json"],
        "plot": ["stats", "--plot", "versions.svg", "--json"],
        "thumbnails": ["assets", "add", KEY, "white.png", "--thumbnail", "--json"],
    }
    for extra, said in zip(wanted, commands(clean, folder, *wanted.values()), strict=True):
        assert (said.code, said.out) == (2, "")
        error = json.loads(said.err)["error"]
        assert (error["type"], error["hint"]) == ("ExtraMissing", f"pip install 'modulestore[{extra}]'")


def test_programs_are_type_checked(clean: Environment, tmp_path: Path) -> None:
    """By who has the wheel alone: its types are found, and none of the main calls gives just anything."""
    program = Path(__file__).with_name("typed_program.py")
    words = ["--strict", "--python-executable", str(clean.python), "--cache-dir", str(tmp_path / "cache")]
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", *words, shutil.copy(program, tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env=clean_variables(),
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
