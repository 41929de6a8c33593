"""The driver's view of its workers: start them, hear from them, end them."""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Literal

from sweeps.engines.base import Ranks
from sweeps.engines.local.launcher import Launcher
from sweeps.engines.local.link import Link, Plan
from sweeps.engines.local.oom import OomCounter, death_of
from sweeps.engines.local.supervisor import GRACE, KILL, TERMINATE, receive_status
from sweeps.engines.slots import Slot
from sweeps.engines.timeouts import Deadlines
from sweeps.lines import open_to_append
from sweeps.messages import TrialSpec
from sweeps.paths import TrialPaths, make_folder

Message = tuple[Any, ...]


class Member:
    """One worker process and what it is doing."""

    def __init__(self, slot: Slot, link: Link, control: socket.socket, early: IO[bytes]) -> None:
        self.slot = slot
        self.link = link
        self.control = control
        self._early = early  # its output before the first trial
        self.state: Literal["starting", "idle", "busy", "leaving"] = "starting"
        self.deadlines = Deadlines(None, None, 0.0)  # those of what it does now
        self.late: str | None = None  # why it is being killed
        self.trials = 0
        self.leaves_by = 0.0

    def send(self, message: object) -> None:
        """A worker that is gone is no error here: its end is told by its supervisor."""
        with contextlib.suppress(OSError):
            self.link.send(message)

    def start(self, spec: TrialSpec, deadlines: Deadlines) -> None:
        """Give it a trial to run."""
        self.state = "busy"
        self.trials += 1
        self.deadlines = deadlines
        self.hand_over_output(TrialPaths(spec.directory).log)
        self.send(("run", spec))

    def early_output(self) -> str:
        """What it printed before its first trial: while the user's module was imported."""
        if self._early.closed:
            return ""
        size = os.fstat(self._early.fileno()).st_size
        return os.pread(self._early.fileno(), size, 0).decode(errors="replace")

    def hand_over_output(self, log: Path) -> None:
        """Keep what it printed so far in the log of its first trial."""
        if text := self.early_output():
            make_folder(log.parent)
            with open(open_to_append(log), "a", encoding="utf-8") as file:
                file.write(text)
        self.close_output()

    def close_output(self) -> None:
        self._early.close()

    def order(self, order: bytes) -> None:
        """Tell its supervisor TERMINATE or KILL."""
        with contextlib.suppress(OSError):
            self.control.sendall(order)


class Crew:
    """All workers of one engine. One thread uses it; ``wake`` may come from a signal handler."""

    def __init__(self, launcher: Launcher, search_path: Sequence[Path], ranks: Ranks | None = None) -> None:
        """``ranks`` are those of one trial, if it has several processes."""
        self._launcher = launcher
        self._ranks = ranks
        self._search_path = tuple(search_path)
        self._directory = str(Path.cwd())
        self._selector = selectors.DefaultSelector()
        self._woken, self._wakes = socket.socketpair()
        self._woken.setblocking(False)
        self._wakes.setblocking(False)
        self._selector.register(self._woken, selectors.EVENT_READ, None)
        self.kills = OomCounter()
        self.members: list[Member] = []

    def hire(self, slot: Slot, target: str | None) -> Member:
        """Start a worker in ``slot`` that imports ``target``, or none; "ready" or "unusable" follows."""
        early = tempfile.TemporaryFile("w+b", buffering=0)  # noqa: SIM115  the member closes it
        link, control = self._launcher.start(early.fileno())
        member = Member(slot, Link(link), control, early)
        path = tuple(sys.path)
        ranks = self._ranks if target else None
        member.send(
            Plan(
                target, self._search_path, path, self._directory, slot.device, slot.cpus, slot.visible, ranks
            )
        )
        for end in (link, control):
            self._selector.register(end, selectors.EVENT_READ, member)
        self.members.append(member)
        return member

    def dismiss(self, member: Member) -> None:
        """Let it end by itself, its exit handlers included, within GRACE seconds."""
        member.state = "leaving"
        member.leaves_by = time.monotonic() + GRACE
        member.send(("exit",))

    def terminate(self, member: Member, reason: str) -> None:
        """End a worker that is late: its stacks go to the log, and it is killed GRACE seconds later."""
        member.late = reason
        member.order(TERMINATE)

    def messages(self, timeout: float) -> Iterator[tuple[Member, Message]]:
        """What workers say within ``timeout`` seconds, and ("ended", Died, early output) as its last word."""
        for key, _ in self._selector.select(timeout):
            member: Member | None = key.data
            if member is None:
                self._woken.recv(1024)
            elif member not in self.members:  # its end was told earlier in this very loop
                continue
            elif key.fileobj is member.link.connection:
                yield from self._heard(member)
            else:
                yield from self._ended(member)

    def wake(self) -> None:
        """Make ``messages`` return at once."""
        with contextlib.suppress(BlockingIOError):
            self._wakes.send(b"!")

    def hurry_leavers(self) -> None:
        """Kill those that were dismissed and did not go in time."""
        now = time.monotonic()
        for member in self.members:
            if member.state == "leaving" and now >= member.leaves_by:
                member.order(KILL)

    def see_off(self, timeout: float) -> None:
        """Wait up to ``timeout`` seconds until nobody is left; what is said meanwhile is not heard."""
        deadline = time.monotonic() + timeout
        while self.members and (left := deadline - time.monotonic()) > 0:
            for _ in self.messages(left):
                pass

    def kill(self) -> None:
        """Kill all workers and everything they started; those in an uninterruptible call are left to the
        kernel.
        """
        for member in self.members:
            member.order(KILL)
        self.see_off(GRACE * 0.75)
        for member in list(self.members):
            self._forget(member)

    def close(self) -> None:
        self.kill()
        self._selector.close()
        self._woken.close()
        self._wakes.close()

    def _heard(self, member: Member) -> Iterator[tuple[Member, Message]]:
        if member.link.ended:
            return
        for message in member.link.arrived():
            yield member, message
        if member.link.ended:  # a readable end of stream would wake the loop for ever
            self._selector.unregister(member.link.connection)

    def _ended(self, member: Member) -> Iterator[tuple[Member, Message]]:
        yield from self._heard(member)  # what it said before its end counts
        death = death_of(receive_status(member.control), self.kills)
        said = member.early_output()
        self._forget(member)
        yield member, ("ended", death, said)

    def _forget(self, member: Member) -> None:
        for end in (member.link.connection, member.control):
            with contextlib.suppress(KeyError):
                self._selector.unregister(end)
            end.close()
        member.close_output()
        self.members.remove(member)
