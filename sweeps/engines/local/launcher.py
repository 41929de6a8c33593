"""Starts workers: from the forkserver where forking is safe, else as new interpreters."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from sweeps.engines.local.forkserver import FORK, HELLO
from sweeps.engines.local.supervisor import GRACE
from sweeps.errors import SystemLimitError
from sweeps.messages import FOLDER

_FORKSERVER = "from sweeps.engines.local.forkserver import main; main({descriptor}, {preload!r}, {door!r})"
_WORKER = "from sweeps.engines.local.forkserver import serve; serve({}, {}, {})"
# One thread while torch is imported, or the forkserver could not fork; a worker sets its own number.
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


class Launcher:
    """Starts worker processes.

    A worker forked from the forkserver takes about 10 ms, a new interpreter the time of importing torch. New
    interpreters are used where forking is unsafe: not on Linux, or where importing torch starts threads.
    """

    def __init__(
        self,
        preload: Sequence[str] = ("torch",),
        *,
        door: Path | None = None,
        shared: Path | None = None,
        folder: Path | None = None,
    ) -> None:
        """``door`` is where the forkserver lets other processes in; ``shared`` is the door of another
        launcher's, which is used as long as it is open. ``folder`` is the results folder: all that is started
        here, and by that, bears its name.
        """
        self._preload = tuple(preload)
        self._door = door
        self._shared = shared
        self._marks = {FOLDER: str(folder)} if folder else {}
        self._forks = sys.platform == "linux"
        self._server: subprocess.Popen[bytes] | None = None
        self._connection: socket.socket | None = None
        self._greeted = False
        self._interpreters: list[subprocess.Popen[bytes]] = []

    def ready(self, timeout: float = 0.0) -> bool:
        """Whether ``start`` will not have to wait. Starts the forkserver and waits for it up to ``timeout``
        seconds.

        Raises SystemLimitError if the forkserver ended while importing.
        """
        if not self._forks or self._greeted:
            return True
        connection = self._connection or self._start_server()
        poll = select.poll()
        poll.register(connection, select.POLLIN)
        if not poll.poll(timeout * 1000):
            return False
        self._greet()
        return True

    def start(self, output: int) -> tuple[socket.socket, socket.socket]:
        """Start one worker that prints to the descriptor ``output``; returns our ends of (link, control)."""
        link, its_link = socket.socketpair()
        control, its_control = socket.socketpair()
        with its_link, its_control:
            descriptors = [its_link.fileno(), its_control.fileno(), output]
            if not self._fork(descriptors):
                self._interpreters = [process for process in self._interpreters if process.poll() is None]
                self._interpreters.append(_python(_WORKER.format(*descriptors), descriptors, self._marks))
        return link, control

    def close(self) -> None:
        """End the forkserver; workers end when their control socket is closed."""
        self._end_server()
        for process in self._interpreters:
            # A supervisor: it ends by itself when the driver has let go of its control socket.
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(GRACE)
        self._interpreters.clear()

    def _fork(self, descriptors: list[int]) -> bool:
        """False where forking is not safe."""
        for _ in range(2):  # a forkserver that was killed is replaced once
            while not self.ready(timeout=60.0):
                pass
            if self._connection is None:
                return False
            try:
                socket.send_fds(self._connection, [FORK], descriptors)
                return True
            except OSError:
                self._end_server()
        raise SystemLimitError(
            "the process that starts workers must stay alive, and was killed twice: look for memory pressure "
            "(dmesg) and limits on processes (ulimit -u), and go on with `sweep resume`"
        )

    def _start_server(self) -> socket.socket:
        if self._shared is not None and (connection := _enter(self._shared)):
            self._connection = connection
            return connection
        self._connection, its = socket.socketpair()
        with its:
            door = str(self._door) if self._door else None
            code = _FORKSERVER.format(descriptor=its.fileno(), preload=self._preload, door=door)
            self._server = _python(code, [its.fileno()], self._marks)
        return self._connection

    def _greet(self) -> None:
        assert self._connection is not None  # _start_server set it
        hello = self._connection.recv(HELLO.size)
        if not hello:
            code = self._server.wait() if self._server else 1
            self._end_server()
            modules = ", ".join(self._preload)
            raise SystemLimitError(
                f"worker processes must import {modules}, and one that did exited with code {code}: see what "
                f'python -c "import {modules}" says, and look for limits on memory (ulimit -v, dmesg)'
            )
        self._greeted = True
        if HELLO.unpack(hello)[0] > 1:
            self._end_server()
            self._forks = False

    def _end_server(self) -> None:
        if self._connection is not None:
            self._connection.close()
        if self._server is not None:
            self._server.kill()  # it has nothing to put in order; supervisors do not need it
            self._server.wait()
        self._server = self._connection = None
        self._greeted = False


def _enter(door: Path) -> socket.socket | None:
    """A connection to the forkserver behind ``door``; None if it has ended."""
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(str(door))
    except (FileNotFoundError, ConnectionRefusedError):
        connection.close()
        return None
    return connection


def _python(code: str, inherited: Sequence[int], marks: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """A new interpreter in a session of its own, so that the terminal's Ctrl-C does not reach it."""
    path = [str(Path(entry).absolute()) for entry in sys.path]
    # Threads that wait must not spin: the workers together have each core once.
    environment = {"OMP_WAIT_POLICY": "passive", **os.environ, **_ONE_THREAD, **marks}
    return subprocess.Popen(
        [sys.executable, "-c", f"import sys; sys.path[:] = {path!r}; {code}"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        env=environment,
        pass_fds=inherited,
        start_new_session=True,
    )
