"""Ctrl-C, TERM, HUP and USR1: once to stop in good order, twice to stop at once.

USR1 is what batch systems are asked to send some time before a job's end.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)


class Signals:
    """While entered: the first signal calls ``stop``, any further one ``kill``; after ``closing`` there is
    nothing left to stop, and only the third raises KeyboardInterrupt.

    ``received`` is the first signal's number before ``closing``, or None. Outside the main thread, where
    Python allows no handlers, nothing is installed. A signal that was being ignored (nohup) stays ignored.
    """

    def __init__(self, stop: Callable[[], None], kill: Callable[[], None]) -> None:
        self.received: int | None = None
        self._stop = stop
        self._kill = kill
        self._before: dict[int, Any] = {}
        self._while_closing: int | None = None  # signals so far; None: not closing

    def closing(self) -> None:
        """From now on a signal does not end what is left to be done: what has ended is closed and printed."""
        self._while_closing = 0

    def on_stop(self, stop: Callable[[], None]) -> None:
        """Call ``stop`` from now on, and at once if a signal has come already."""
        self._stop = stop
        if self.received is not None:
            stop()

    def __enter__(self) -> Signals:
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                if signal.getsignal(number) != signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, _: FrameType | None) -> None:
        if self._while_closing is not None:
            self._while_closing += 1
            if self._while_closing > 2:
                raise KeyboardInterrupt
            _tell(b"\nthe sweep has ended; its processes are being closed\n")
        elif self.received is None:
            self.received = number
            _tell(b"\nstopping: running trials end with their epoch; once more to stop at once\n")
            self._stop()
        else:
            self._kill()


def _tell(line: bytes) -> None:
    # Not print: the handler may have come in the middle of one.
    with contextlib.suppress(OSError):  # nobody may be listening any more
        os.write(2, line)
