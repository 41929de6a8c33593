"""The process workers are forked from: it has imported torch, has one thread, and knows nothing of the user's
code.

It is started by `python -c`, not by multiprocessing, which would import the driver's ``__main__`` again.
"""

from __future__ import annotations

import gc
import importlib
import os
import signal
import socket
import struct
from collections.abc import Sequence
from pathlib import Path

from sweeps.engines.local.supervisor import supervise
from sweeps.engines.local.worker import work
from sweeps.engines.output import redirect

HELLO = struct.Struct("<i")  # forkserver -> driver, once it is ready: its number of threads
FORK = b"F"  # driver -> forkserver, with the worker's ends of link and control, and its output


def main(connection: int, preload: Sequence[str]) -> None:
    """Import ``preload``, say hello on the socket ``connection``, then fork a worker at every request."""
    for ignored in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(ignored, signal.SIG_IGN)
    for name in preload:
        importlib.import_module(name)
    gc.freeze()
    driver = socket.socket(fileno=connection)
    driver.sendall(HELLO.pack(_threads()))
    # The kernel reaps the supervisors.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        order, descriptors, _, _ = socket.recv_fds(driver, 1, 3)
        if order != FORK:  # the driver is gone, or done
            os._exit(0)
        if os.fork() == 0:
            driver.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            serve(*descriptors)
            return
        for descriptor in descriptors:
            os.close(descriptor)


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
