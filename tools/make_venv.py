"""Makes the virtual environment that the Makefile works in, on a machine with nothing but Python and make.

Debian keeps the module that puts pip into an environment in a package of its own, ``python3-venv``. Where
that is missing it is installed, if that may be done; otherwise the message says what to do.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

OLDEST = (3, 11)
# The first pip that knows dependency groups.
PIP = "pip>=25.1"


def main(folder: Path) -> None:
    if sys.version_info < OLDEST:
        found = ".".join(map(str, sys.version_info[:2]))
        sys.exit(f"Python 3.11 or newer is needed, this is {found}: run make PYTHON=/path/to/a/newer/python3")
    if importlib.util.find_spec("ensurepip") is None:
        install_venv_module()
    if not (folder / "bin" / "python").exists():
        print(f"making a virtual environment in {folder}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    subprocess.run([folder / "bin" / "python", "-m", "pip", "install", "-q", "--upgrade", PIP], check=True)


def install_venv_module() -> None:
    package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        sys.exit(f"this Python cannot make virtual environments: apt-get install {package}, then try again")
    print(f"installing {package}", file=sys.stderr)
    subprocess.run(["apt-get", "update", "-q"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["apt-get", "install", "-y", "-q", package], check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
