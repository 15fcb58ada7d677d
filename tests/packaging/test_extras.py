"""Every extra, installed from the package index, does its work."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from tests.packaging.building import KEY, Environment, clean_variables, picture


def test_each_extra_does_its_work(full: Environment, folder: Path, mongodb_url: str) -> None:
    def run(*words: str) -> Any:
        return json.loads(full.run("python", "-m", "modulestore", *words, "--json", cwd=folder).stdout)

    picture(folder / "white.png")
    (added,) = run("assets", "add", KEY, "white.png", "--thumbnail")
    assert added["problem"] is None
    run("stats", "--plot", "versions.svg")
    assert (folder / "versions.svg").read_text().lstrip().startswith("<?xml")
    program = f"""
import asyncio, modulestore
from motor.motor_asyncio import AsyncIOMotorClient
from opentelemetry.metrics import get_meter
from modulestore.motor import connect_motor
from modulestore.observing.opentelemetry import OpenTelemetryObserver
from modulestore.storage.objects import ObjectStorage

async def over_motor():
    database = AsyncIOMotorClient({mongodb_url!r}).get_default_database()
    return await (await connect_motor(database)).courses()

print(asyncio.run(over_motor()))
observer = OpenTelemetryObserver(get_meter("modulestore"))
with modulestore.connect("sqlite:///modulestore.db", observe=observer) as store:
    print(len(store.courses()))
print(type(ObjectStorage("s3://bucket/files")._system).__name__)
"""
    assert full.run("python", "-c", program, cwd=folder).stdout.split("\n")[:-1] == [
        "[]",
        "1",
        "S3FileSystem",
    ]


def test_the_origin_serves(full: Environment, folder: Path) -> None:
    server = subprocess.Popen(
        [full.python, "-m", "modulestore", "serve", "--port", "0", "--json"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=clean_variables(),
    )
    try:
        assert server.stdout is not None
        url = json.loads(server.stdout.readline())["url"]
        name = "asset-v1:Example+MS101+2026+type@asset+block@tide-curve.svg"
        with urlopen(f"{url}/{name}", timeout=30) as response:
            assert response.read().startswith(b"<svg")
    finally:
        server.terminate()
        server.communicate(timeout=30)
