"""A `resume` that is killed with SIGKILL just before its n-th step on the disk, in a process of its own."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
from pathlib import Path
from typing import Any

from sweeps import runner

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.cli.preloaded"])


def resume_killed(step: int, folder: Path, cwd: Path, **arguments: Any) -> bool:
    """Whether ``runner.resume(folder, **arguments)`` got as far as ``step`` (0, 1, ...) and died there."""
    process = _CONTEXT.Process(target=_resume, args=(step, folder, cwd, arguments))
    process.start()
    process.join(timeout=60)
    assert process.exitcode in (0, -signal.SIGKILL), process.exitcode
    return process.exitcode != 0


def _resume(step: int, folder: Path, cwd: Path, arguments: dict[str, Any]) -> None:
    os.chdir(cwd)
    left = step

    def counted(function):
        def call(*args, **kwargs):
            nonlocal left
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1
            return function(*args, **kwargs)

        return call

    # What is written between two of these lies in a file that is not yet in its place.
    for name in ("replace", "mkdir", "rmdir", "unlink"):
        setattr(Path, name, counted(getattr(Path, name)))
    shutil.rmtree = counted(shutil.rmtree)
    runner.resume(folder, **arguments)
