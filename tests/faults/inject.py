"""A real signal at a chosen place of the product's own code, sent by the process that comes there to itself.

The code is wrapped, not replaced: up to the fault, and in every later process, it is what users run.
"""

from __future__ import annotations

import functools
import importlib
import json
import os
import signal
import time
from dataclasses import asdict, dataclass
from pathlib import Path

DRIVER = "SWEEPS_TEST_FAULT"  # in the environment: the driver's fault, and the workers'
WORKER = "SWEEPS_TEST_WORKER_FAULT"


@dataclass(frozen=True)
class Fault:
    """``signal`` at the ``count``-th call of ``at``, before or after it; once in the life of a project.

    ``at`` is "module:name" or "module:Class.method", where the caller looks it up: a function that was
    imported by name is wrapped in the module that imported it. ``fired`` comes to be when it happens.
    """

    at: str
    when: str = "before"  # or "after"
    count: int = 1
    signal: str = "KILL"
    fired: str = "fault.fired"  # in the working directory

    def environment(self, variable: str) -> dict[str, str]:
        return {variable: json.dumps(asdict(self))}

    def install(self) -> None:
        module, _, path = self.at.partition(":")
        owner = importlib.import_module(module)
        *outer, name = path.split(".")
        for part in outer:
            owner = getattr(owner, part)
        setattr(owner, name, self._wrapped(getattr(owner, name)))

    def _wrapped(self, function):
        calls = 0

        @functools.wraps(function)
        def wrapper(*arguments, **named):
            nonlocal calls
            calls += 1
            here = calls == self.count
            if here and self.when == "before":
                self._fire()
            result = function(*arguments, **named)
            if here and self.when == "after":
                self._fire()
            return result

        return wrapper

    def _fire(self) -> None:
        try:
            Path(self.fired).touch(exist_ok=False)
        except FileExistsError:
            return
        os.kill(os.getpid(), signal.Signals[f"SIG{self.signal}"])
        time.sleep(0.01)  # a handler of Python's runs between two instructions


def install(variable: str) -> None:
    """Install the fault that this process's environment asks for, if any."""
    if text := os.environ.get(variable):
        Fault(**json.loads(text)).install()
