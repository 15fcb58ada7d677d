"""A process that ends with the one that started it."""

from __future__ import annotations

import os
import select
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tools.mongo_server.errors import ServerFailed

__all__ = ["REPORT_FD", "Process"]

REPORT_FD = "{report-fd}"
"""In a command: becomes the number of the file descriptor on which the process says that it is ready."""

_PATIENCE = 60.0  # machines that run tests are busy
_LOG_TAIL = 1_500


class Process:
    """One process, its log file and its end.

    The kernel kills it when the *thread* that started it ends, so start it from a main thread.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        *,
        cwd: Path | None = None,
        environment: dict[str, str] | None = None,
    ) -> None:
        self.name = name
        self._log = log
        self._reading, writing = os.pipe()
        try:
            command = [part.replace(REPORT_FD, str(writing)) for part in command]
            with log.open("ab") as sink:
                self._popen = subprocess.Popen(
                    ["setpriv", "--pdeathsig", "KILL", *command],  # it execs: the process id is the command's
                    stdin=subprocess.DEVNULL,
                    stdout=sink,
                    stderr=sink,
                    cwd=cwd,
                    env=environment,
                    pass_fds=(writing,),
                )
        finally:
            os.close(writing)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._popen.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._popen.poll() is None

    def report(self) -> str:
        """What it writes on `REPORT_FD` until it closes that. Raises `ServerFailed` when it ends before."""
        text = b""
        while select.select([self._reading], [], [], _PATIENCE)[0]:
            part = os.read(self._reading, 4096)
            if part:
                text += part
            elif text:
                return text.decode()
            else:
                break
        raise self.failure("did not start")

    def wait(self) -> None:
        """Wait until it has ended."""
        self._popen.wait(_PATIENCE)
        if self._reading >= 0:
            os.close(self._reading)
            self._reading = -1

    def kill(self) -> None:
        """SIGKILL."""
        self._popen.kill()
        self.wait()

    def stop(self) -> None:
        """SIGTERM, and SIGKILL when that does not help."""
        self.resume()
        self._popen.terminate()
        try:
            self.wait()
        except subprocess.TimeoutExpired:
            self.kill()

    def pause(self) -> None:
        """SIGSTOP: it keeps its connections and does nothing."""
        self._popen.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        self._popen.send_signal(signal.SIGCONT)

    def failure(self, what: str) -> ServerFailed:
        """An error that says `what` happened, with the end of the log."""
        tail = self._log.read_text(errors="replace")[-_LOG_TAIL:].strip()
        return ServerFailed(f"{self.name} {what}: {tail or 'its log is empty'}")
