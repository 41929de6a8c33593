"""Whether the kernel killed for memory: its own count, in the cgroup of this process and its workers.

Version 2 has the line `oom_kill N` in memory.events, version 1 in memory.oom_control
(Linux, Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst).
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

from sweeps.engines.local.supervisor import describe_status
from sweeps.messages import Died

_MOUNT = Path("/sys/fs/cgroup")
_MESSAGE = "killed by the kernel, as the memory of its cgroup was used up"


class OomCounter:
    """Tells deaths by the kernel's out-of-memory killer from other SIGKILLs.

    Where there is no such count (no cgroup, not Linux) every death counts as another one.
    """

    def __init__(self, source: Path | None = None) -> None:
        """``source`` is the file with the count; None for that of this process."""
        self._source = source or find_counter(Path("/proc/self/cgroup"), _MOUNT)
        self._explained = self._read()

    def explains_a_death(self) -> bool:
        """Whether the kernel has killed one that no earlier death was explained by."""
        if self._read() <= self._explained:
            return False
        self._explained += 1
        return True

    def forget(self) -> None:
        """What was killed up to now was no worker: it must not explain a later death."""
        self._explained = self._read()

    def _read(self) -> int:
        return read_kills(self._source) if self._source else 0


def death_of(status: int, kills: OomCounter) -> Died:
    """How a worker with this wait status ended; ``kills`` are those of its cgroup."""
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    if killed and kills.explains_a_death():
        return Died("oom", _MESSAGE)
    return Died("crash", describe_status(status))


def read_kills(counter: Path) -> int:
    """The `oom_kill` of a counter's file; 0 where it has none, or is gone."""
    try:
        lines = (line.split() for line in counter.read_text().splitlines())
    except OSError:
        return 0
    return next((int(line[1]) for line in lines if line[:1] == ["oom_kill"]), 0)


def find_counter(membership: Path, mount: Path) -> Path | None:
    """The counter of the memory cgroup that ``membership`` (/proc/PID/cgroup) names, below ``mount``."""
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return None
    return next((path for line in lines for path in _candidates(line, mount) if path.is_file()), None)


def _candidates(line: str, mount: Path) -> Iterator[Path]:
    """A line is "ID:CONTROLLERS:PATH". In a container the path may be the host's: the mount is the group."""
    _, controllers, path = line.split(":", 2)
    if "memory" in controllers.split(","):
        folder, name = mount / "memory", "memory.oom_control"
    elif controllers == "":
        folder, name = mount, "memory.events"
    else:
        return
    yield folder / path.lstrip("/") / name
    yield folder / name
