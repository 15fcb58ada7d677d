"""What `make demo` does from an empty folder, and that the tutorial shows just that.

The transcript on the page is written by this: ``python -m tests.docs.test_transcript``.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "tutorial.md"
TRANSCRIPT = re.compile(r"(?<=<!-- transcript -->\n```text\n).*?(?=```\n)", re.DOTALL)
# What is another at each run: ids of versions, times, the port.
VARYING = (
    (r"\b[0-9a-f]{24}\b", "…"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d", "…"),
    (r"(127\.0\.0\.1:|--port )\d+", r"\g<1>8000"),
)


def transcript() -> str:
    """What the demonstration prints, without what varies."""
    environment = {**os.environ, "COLUMNS": "200"}
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "demo.py"],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert not done.stderr
    text = done.stdout
    for pattern, shown in VARYING:
        text = re.sub(pattern, shown, text)
    return text.rpartition("\n\n")[0].rstrip() + "\n"


def test_the_tutorial_shows_what_the_demonstration_prints() -> None:
    (shown,) = TRANSCRIPT.findall(PAGE.read_text())
    assert transcript() == shown, "write it anew: python -m tests.docs.test_transcript"


if __name__ == "__main__":
    PAGE.write_text(TRANSCRIPT.sub(lambda _: transcript(), PAGE.read_text()))
