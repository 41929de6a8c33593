"""I4: without a driver no process of the sweep is alive.

A process is the sweep's if it bears its folder in its environment, as workers and all they start do, or holds
a file of the folder open for writing, as a worker does with its log, and what inherits its output.
Other users' processes cannot be looked into; those of other machines are not seen.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from sweeps.messages import FOLDER
from sweeps.paths import RunPaths
from sweeps.verify.evidence import Evidence
from sweeps.verify.finding import Check, Finding

PATIENCE = 5.0  # seconds that a killed driver's supervisors get: they need a fraction of one
_WHAT = "no process of the sweep is alive without a driver"
_ACCESS_MODE = 0o3  # of an open file's flags


def nothing_outlives_the_sweep(evidence: Evidence) -> Check:
    if sys.platform != "linux":
        return Check("I4", _WHAT, skipped=f"processes are looked up in /proc, and this is {sys.platform}")
    if evidence.driven:
        return Check("I4", _WHAT, skipped="a driver runs here")
    deadline = time.monotonic() + PATIENCE
    while (alive := list(processes_of(evidence.paths))) and time.monotonic() < deadline:
        time.sleep(0.05)
    findings = [
        Finding("I4", f"process {pid} ({_command(pid)}) is alive, and no driver holds the folder")
        for pid in alive
    ]
    return Check("I4", _WHAT, findings)


def processes_of(paths: RunPaths) -> Iterator[int]:
    """The ids of this user's living processes, but for this one, that belong to the sweep in ``paths``."""
    root = paths.root.resolve()
    marks = {f"{FOLDER}={folder}".encode() for folder in (paths.root, root)}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            marked = not marks.isdisjoint((entry / "environ").read_bytes().split(b"\0"))
            if (marked or _writes(entry, root)) and int(entry.name) != os.getpid() and not _is_dead(entry):
                yield int(entry.name)
        except OSError:  # it has just ended, or is another user's
            continue


def _writes(process: Path, root: Path) -> bool:
    return any(
        link.readlink().is_relative_to(root) and _for_writing(process / "fdinfo" / link.name)
        for link in (process / "fd").iterdir()
    )


def _for_writing(info: Path) -> bool:
    flags = next(line for line in info.read_text().splitlines() if line.startswith("flags:"))
    return int(flags.split()[1], 8) & _ACCESS_MODE != os.O_RDONLY


def _is_dead(process: Path) -> bool:
    """Whether it is a zombie, which only its parent can put away."""
    return (process / "stat").read_text(errors="replace").rpartition(")")[2].split()[0] in ("Z", "X")


def _command(pid: int) -> str:
    try:
        return (
            Path(f"/proc/{pid}/cmdline")
            .read_bytes()
            .replace(b"\0", b" ")
            .decode(errors="replace")[:80]
            .strip()
        )
    except OSError:
        return "ended meanwhile"
