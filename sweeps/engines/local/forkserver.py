"""The process workers are forked from: it has imported torch, has one thread, and knows nothing of the user's
code.

It is started by `python -c`, not by multiprocessing, which would import the driver's ``__main__`` again.
"""

from __future__ import annotations

import gc
import importlib
import os
import select
import signal
import socket
import struct
from collections.abc import Sequence
from pathlib import Path

from sweeps.engines.local.supervisor import leave_signals_to_driver, supervise
from sweeps.engines.local.worker import work
from sweeps.engines.output import redirect

HELLO = struct.Struct("<i")  # forkserver -> driver, once it is ready: its number of threads
FORK = b"F"  # driver -> forkserver, with the worker's ends of link and control, and its output


def main(connection: int, preload: Sequence[str], door: str | None = None) -> None:
    """Import ``preload``, say hello on the socket ``connection``, then fork a worker at every request.

    Other processes of the driver's may come in by ``door``, a socket's path, and ask for workers of their
    own. The end of ``connection`` is the end of all.
    """
    leave_signals_to_driver()
    listener = _listen(door) if door else None  # at once: who comes early waits
    for name in preload:
        importlib.import_module(name)
    gc.freeze()
    # The kernel reaps the supervisors.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    driver = socket.socket(fileno=connection)
    driver.sendall(HELLO.pack(_threads()))
    _Clients(driver, listener).serve()


class _Clients:
    """Those who may ask for workers: the driver, and who came in by the door."""

    def __init__(self, driver: socket.socket, listener: socket.socket | None) -> None:
        self._driver = driver
        self._listener = listener
        self._open = [driver, listener] if listener else [driver]

    def serve(self) -> None:
        """Do what they ask for; returns in a worker whose work is done."""
        while True:
            for one in select.select(self._open, [], [])[0]:
                if one is self._listener:
                    self._open.append(_welcome(one))
                elif self._do_order(one):
                    return

    def _do_order(self, client: socket.socket) -> bool:
        """Whether this is a worker whose work is done."""
        order, descriptors = _order(client)
        if order == FORK and os.fork() == 0:
            for one in self._open:
                one.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            serve(*descriptors)
            return True
        for descriptor in descriptors:
            os.close(descriptor)
        if order != FORK:
            self._forget(client)
        return False

    def _forget(self, client: socket.socket) -> None:
        """A client is gone, or done."""
        if client is self._driver:
            os._exit(0)
        self._open.remove(client)
        client.close()


def _listen(door: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(door)
    listener.listen(128)
    return listener


def _welcome(listener: socket.socket) -> socket.socket:
    client, _ = listener.accept()
    client.sendall(HELLO.pack(_threads()))
    return client


def _order(client: socket.socket) -> tuple[bytes, list[int]]:
    """What a client wants: FORK with three descriptors, or nothing any more."""
    try:
        order, descriptors, _, _ = socket.recv_fds(client, 1, 3)
    except ConnectionResetError:
        return b"", []
    return order, descriptors


def serve(link: int, control: int, output: int) -> None:
    """Become a supervisor with its worker; returns in the worker when its work is done.

    The descriptors are ends of sockets to the driver, and the file that output goes to until the first trial.
    """
    for descriptor in (link, control):
        os.set_inheritable(descriptor, False)
    redirect(output)
    os.close(output)
    supervise(socket.socket(fileno=link), socket.socket(fileno=control), work)


def _threads() -> int:
    """How many threads this process has: only one that has a single thread can fork safely."""
    tasks = Path("/proc/self/task")
    return len(list(tasks.iterdir())) if tasks.is_dir() else 2
