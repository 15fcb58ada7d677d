"""The main job, on the embedded store, as a new user would do it. ``docs/tutorial.md`` shows what it prints.

Each line is shown before what it writes. The store is in a folder that is removed afterwards.
"""

import os
import socket
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KEY = "course-v1:Example+MS101+2026"
HTML = "block-v1:Example+MS101+2026+type@html+block@columns"
TITLE = """'display_name="What the columns say"'"""
FILE = "asset-v1:Example+MS101+2026+type@asset+block@harbour-en.srt"
FETCH = "import sys, urllib.request as web; print(web.urlopen(sys.argv[1]).readlines()[2].decode())"


def lines(port: int) -> tuple[str, ...]:
    """What is typed, in a shell; a server listens on ``port``."""
    return (
        "modulestore import docs/examples/sample-course --author ana",
        f"modulestore tree {KEY} --depth 2",
        f"modulestore blocks {KEY} --type video",
        f"""modulestore edit {KEY} --author ana -m "Say what it is" --set {HTML} {TITLE}""",
        f"modulestore diff {KEY} published draft",
        f"modulestore publish {KEY} --author ana",
        f"modulestore log {KEY} --branch draft",
        f"modulestore export {KEY} tides.tar.gz",
        "modulestore import tides.tar.gz",
        f"modulestore serve --port {port} &",
        f"""python3 -c '{FETCH}' http://127.0.0.1:{port}/{FILE}""",
    )


def main() -> int:
    """Run it; the exit code of the first line that fails, or 0."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        (Path(folder) / "docs").symlink_to(ROOT / "docs")
        commands = Path(sys.executable).parent
        environment = os.environ | {"PATH": f"{commands}{os.pathsep}{os.environ['PATH']}"}
        for name in ("URL", "CACHE", "OBJECTS"):
            environment.pop(f"MODULESTORE_{name}", None)
        for line in lines(_free_port()):
            print(f"$ {line}", flush=True)
            if line.endswith(" &"):
                _in_background(stack, line.removesuffix(" &"), folder, environment)
                continue
            finished = subprocess.run(line, shell=True, cwd=folder, env=environment, check=False)
            if finished.returncode != 0:
                return finished.returncode
            print(flush=True)
    print("To do it yourself: docs/tutorial.md.")
    return 0


def _in_background(stack: ExitStack, line: str, folder: str, environment: dict[str, str]) -> None:
    """Start a server that says on one line where it listens, and end it with the rest."""
    process = stack.enter_context(
        subprocess.Popen(
            ["/bin/sh", "-c", f"exec {line}"],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
    )
    stack.callback(process.terminate)
    assert process.stdout is not None
    print(process.stdout.readline(), flush=True)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


if __name__ == "__main__":
    sys.exit(main())
