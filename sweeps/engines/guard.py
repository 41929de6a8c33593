"""Ends user code that runs in the driver's own process: on a second Ctrl-C, and when it is late."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType

from sweeps.engines.timeouts import Deadlines
from sweeps.trial import Overdue

AGAIN = 1.0  # seconds until late code that swallowed the exception gets the next


class Guard:
    """Ends the user's code, and only the user's code, by an exception raised in a signal handler."""

    def __init__(self) -> None:
        self.killed = False
        self._in_user_code = False
        self._deadlines: Deadlines | None = None

    def kill(self) -> None:
        self.killed = True
        if self._in_user_code and threading.current_thread() is threading.main_thread():
            raise KeyboardInterrupt

    @contextlib.contextmanager
    def around_user_code(self, deadlines: Deadlines | None) -> Iterator[None]:
        timed = deadlines is not None and threading.current_thread() is threading.main_thread()
        self._deadlines = deadlines if timed else None
        before = signal.signal(signal.SIGALRM, self._late) if timed else None
        self._enter()
        try:
            yield
        finally:
            self._leave()
            if timed:
                signal.signal(signal.SIGALRM, before)

    @contextlib.contextmanager
    def around_controller(self) -> Iterator[None]:
        """The controller's work is never cut in half."""
        self._leave()
        try:
            yield
        finally:
            self._enter()
        if self.killed:
            raise KeyboardInterrupt

    def _enter(self) -> None:
        self._in_user_code = True
        if self._deadlines is not None and (left := self._deadlines.left(time.monotonic())) is not None:
            signal.setitimer(signal.ITIMER_REAL, max(left, 1e-3), AGAIN)

    def _leave(self) -> None:
        self._in_user_code = False
        if self._deadlines is not None:
            signal.setitimer(signal.ITIMER_REAL, 0)

    def _late(self, number: int, frame: FrameType | None) -> None:
        if self._in_user_code and self._deadlines is not None:
            raise Overdue(self._deadlines.missed(time.monotonic()) or "timed out")
