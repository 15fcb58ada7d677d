"""The main job, on the embedded store: import the sample course, list its videos, show its outline.

Runs the command as a user would, and shows each line before its output.
"""

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

SAMPLE = Path("docs") / "examples" / "sample-course"
KEY = "course-v1:Example+MS101+2026"


def main() -> int:
    """Run it in a folder that is removed afterwards; the exit code of the first command that fails, or 0."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MODULESTORE_URL"] = f"sqlite:///{folder}/courses.db"
        for line in (
            f"modulestore import {SAMPLE}",
            "modulestore courses",
            f"modulestore blocks {KEY} --type video",
            f"modulestore tree {KEY} --depth 3",
        ):
            print(f"\n$ {line}", flush=True)
            command = Path(sys.executable).with_name("modulestore")
            finished = subprocess.run([command, *shlex.split(line)[1:]], check=False)
            if finished.returncode != 0:
                return finished.returncode
    print("\nThe same from Python: see docs/tutorial.md.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
