"""The parent of one worker: when the worker ends, or the driver does, nothing the worker started stays alive.

On Linux it is a child subreaper: processes that lose their parent become its children, daemons that forked
twice and left their session included. Elsewhere only the worker's process group is ended.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

GRACE = 2.0  # seconds between SIGTERM and SIGKILL
TERMINATE = b"T"  # driver -> supervisor: SIGTERM to the worker, then all as below
KILL = b"K"  # driver -> supervisor: SIGKILL to all
STATUS = struct.Struct("<i")  # supervisor -> driver, once nothing is left: the worker's wait status

_LINUX = sys.platform == "linux"
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def supervise(link: socket.socket, control: socket.socket, work: Callable[[socket.socket], None]) -> None:
    """Run ``work(link)`` in a child, the worker, where this returns; here, end with the worker.

    Stays until the worker and all it started have ended, tells its wait status over ``control``, and exits.
    """
    leave_signals_to_driver()
    if _LINUX:
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    child_died = _wake_on_child_death()
    supervisor = os.getpid()
    worker = os.fork()
    if worker == 0:
        control.close()
        child_died.close()
        _become_worker(supervisor)
        work(link)
        return
    link.close()
    _Watch(worker, control, child_died).until_all_ended()
    os._exit(0)


def leave_signals_to_driver() -> None:
    """Ignore what asks a sweep to stop, here and in every process started from here: the driver decides.

    A terminal signals a whole process group, a batch system all processes of a job.
    """
    for ignored in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGUSR1):
        signal.signal(ignored, signal.SIG_IGN)


def _become_worker(supervisor: int) -> None:
    os.close(signal.set_wakeup_fd(-1))
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setpgid(0, 0)
    if _LINUX:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != supervisor:  # it died before the line above
            os._exit(1)


def receive_status(control: socket.socket) -> int:
    """The worker's wait status, a supervisor's last word."""
    with contextlib.suppress(OSError):
        if len(told := control.recv(STATUS.size)) == STATUS.size:
            status: int = STATUS.unpack(told)[0]
            return status
    return int(signal.SIGKILL)  # the supervisor itself was killed, and its worker with it


def describe_status(status: int) -> str:
    """A wait status in words: "killed by SIGKILL", "killed by signal 40" or "exited with code 3"."""
    if os.WIFSIGNALED(status):
        return f"killed by {_signal_name(os.WTERMSIG(status))}"
    return f"exited with code {os.waitstatus_to_exitcode(status)}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # most real-time signals have none
        return f"signal {number}"


class _Watch:
    """Waits for the worker's end or the driver's word."""

    def __init__(self, worker: int, control: socket.socket, child_died: socket.socket) -> None:
        self._worker = worker
        self._control = control
        self._child_died = child_died
        self._status: int | None = None
        self._deadline: float | None = None

    def until_all_ended(self) -> None:
        while self._status is None and self._wait():
            self._reap()
        self._kill_all()
        with contextlib.suppress(OSError):  # the driver may be gone
            self._control.sendall(STATUS.pack(self._status or 0))

    def _wait(self) -> bool:
        """Sleep until something happens; False once everything is to be killed."""
        timeout = None if self._deadline is None else max(0.0, self._deadline - time.monotonic())
        ready, _, _ = select.select([self._control, self._child_died], [], [], timeout)
        if not ready:
            return False
        if self._child_died in ready:
            self._child_died.recv(1024)
        if self._control not in ready:
            return True
        order = self._order()
        if order == TERMINATE and self._deadline is None:
            self._deadline = time.monotonic() + GRACE
            os.kill(self._worker, signal.SIGTERM)
            return True
        return order == TERMINATE  # KILL, or the driver is gone

    def _order(self) -> bytes:
        """The driver's word; empty if the driver is gone."""
        try:
            return self._control.recv(1)
        except ConnectionResetError:
            return b""

    def _reap(self) -> None:
        """Take note of every child that has ended: the worker, and orphans that became ours."""
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                self._note(ended)

    def _note(self, ended: tuple[int, int]) -> None:
        if ended[0] == self._worker:
            self._status = ended[1]

    def _kill_all(self) -> None:
        """Kill our children until none is left: each death hands us the children of the dead."""
        if not _LINUX:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._worker, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while True:
                children = list(_children(os.getpid()))
                for child in children:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(child, signal.SIGKILL)
                # Without a child in the list, one that was just handed to us may still run: look again.
                self._note(os.waitpid(-1, 0 if children or not _LINUX else os.WNOHANG))


def _children(parent: int) -> Iterator[int]:
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            stat = entry.read_text(errors="replace")
        except OSError:  # it has just ended
            continue
        # pid (name) state ppid ...: the name may hold blanks and brackets
        if int(stat.rpartition(")")[2].split()[1]) == parent:
            yield int(entry.parent.name)


def _wake_on_child_death() -> socket.socket:
    woken, wakes = socket.socketpair()
    woken.setblocking(False)
    wakes.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    signal.set_wakeup_fd(wakes.detach())
    return woken


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
