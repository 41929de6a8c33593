"""The `sweep` command in a process of its own, forked from one that has imported the heavy libraries."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import tempfile
from pathlib import Path

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.cli.preloaded"])


def sweep(arguments: tuple[str, ...], cwd: Path, environment: dict[str, str]) -> subprocess.CompletedProcess:
    """Run ``sweep arguments`` in ``cwd`` and wait for it; what it printed, and its exit code."""
    with tempfile.TemporaryDirectory() as folder:
        output, errors = Path(folder, "out"), Path(folder, "err")
        process = _CONTEXT.Process(target=_command, args=(arguments, cwd, environment, output, errors))
        process.start()
        process.join(timeout=120)
        assert process.exitcode is not None, "the command did not end"
        return subprocess.CompletedProcess(
            arguments, process.exitcode, output.read_text(), errors.read_text()
        )


def _command(
    arguments: tuple[str, ...], cwd: Path, environment: dict[str, str], output: Path, errors: Path
) -> None:
    for path, descriptor in ((output, 1), (errors, 2)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), descriptor)
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", closefd=False, buffering=1)
    os.chdir(cwd)
    os.environ.update(environment)
    sys.argv = ["sweep", *arguments]
    from sweeps.cli import main

    try:
        main()
    finally:
        sys.stdout.flush()
