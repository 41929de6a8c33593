"""The progress of a sweep on stderr: a live picture on a terminal, one plain line an event elsewhere."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sweeps.cli.console import pairs, say, short
from sweeps.controller import (
    EpochReported,
    Event,
    Exploited,
    Observer,
    SlotClosed,
    SweepEnded,
    SweepHalted,
    SweepStarted,
    TrialEnded,
    TrialStarted,
)
from sweeps.printable import printable

if TYPE_CHECKING:
    from rich.console import RenderableType


@contextmanager
def display(quiet: bool) -> Iterator[list[Observer]]:
    """The observers that show a sweep while it runs."""
    if quiet:
        yield []
    elif sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
        with _live() as observer:
            yield [observer]
    else:
        yield [Lines()]


class Lines:
    """One plain line an event; epochs and ticks are left to the logs."""

    def __init__(self) -> None:
        self._simulated = False

    def hear(self, event: Event) -> None:
        """Take in which clock the events' times are of."""
        if isinstance(event, SweepStarted):
            self._simulated = event.engine == "simulated"

    def __call__(self, event: Event) -> None:
        self.hear(event)
        line = _line(event)
        if line is None:
            return
        now = time.strftime("%H:%M:%S", time.localtime(event.time))
        say(f"{clock_time(event.time) if self._simulated else now} {printable(line)}")


def clock_time(seconds: float) -> str:
    """What a simulation's clock shows: ``2d 03:04:05``."""
    days, rest = divmod(int(seconds), 86_400)
    clock = f"{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}"
    return f"{days}d {clock}" if days else clock


def _line(event: Event) -> str | None:
    match event:
        case SweepStarted():
            where = f"{event.workers} worker(s) of the {event.engine} engine"
            return f"sweep started: {where}, {event.trials_started} trial(s) from before"
        case TrialStarted():
            again = f" (attempt {event.attempt})" if event.attempt > 1 else ""
            return f"trial {event.number} started{again}: {pairs(event.params)}"
        case TrialEnded():
            return _ended(event)
        case Exploited():
            changes = {name: f"{short(old)}>{short(new)}" for name, (old, new) in event.changed.items()}
            origin = f"trial {event.parent} after epoch {event.epoch}"
            return f"trial {event.number} goes on from {origin}: {pairs(changes)}"
        case SlotClosed():
            failed = f"{event.failures} in a row failed there ({event.error}), and others did well"
            slot = f"{'actor' if event.engine == 'ray' else 'slot'} {event.worker}"
            return f"the {slot} gets no more trials in this run: {failed} elsewhere (look at its machine)"
        case SweepHalted():
            return f"stopping: {event.message}"
        case SweepEnded():
            return f"sweep ended: {event.reason}"
    return None


def _ended(event: TrialEnded) -> str | None:
    record = event.record
    if record.stop_reason == "paused":  # a member of a population, until its generation is complete
        return None
    if event.retry:
        what = "failed, will be retried" if event.verdict.state == "FAILED" else "goes on elsewhere"
        return f"trial {record.number} {what}: {record.error or ''}"
    value = "" if record.value is None else f", best {short(record.value)} at epoch {record.best_epoch}"
    error = f": {record.error}" if record.error else ""
    state = f"{record.state} ({record.stop_reason})"
    return f"trial {record.number} {state} after {record.epochs} epoch(s){value}{error}"


@dataclass(slots=True)
class Running:
    """One running trial: where, its latest metrics, its epoch."""

    worker: str
    latest: str
    epoch: int = 0


@dataclass(slots=True)
class Progress:
    """What the live picture shows, kept up to date by the controller's events."""

    metric: str = ""
    begun: float = field(default_factory=time.monotonic)
    total: int | None = None
    started: int = 0
    workers: int = 0
    ended_here: int = 0
    states: dict[str, int] = field(default_factory=dict)
    running: dict[int, Running] = field(default_factory=dict)  # by trial number
    best: tuple[int, float] | None = None

    def __call__(self, event: Event) -> None:
        match event:
            case SweepStarted():
                self.started, self.workers = event.trials_started, event.workers
                self.total, self.states = event.budget_trials, dict(event.states)
                self.best, self.metric = event.best, event.metric
            case TrialStarted():
                self.running[event.number] = Running(event.worker, pairs(event.params))
                if event.number < self.started:  # one that was cut short goes on
                    self.states["INTERRUPTED"] = self.states.get("INTERRUPTED", 1) - 1
                self.started = max(self.started, event.number + 1)
            case EpochReported():
                running = self.running[event.number]
                running.epoch, running.latest = event.epoch, pairs(event.metrics)
            case TrialEnded():
                self._end(event)

    def _end(self, event: TrialEnded) -> None:
        record = event.record
        self.running.pop(record.number, None)
        if event.retry:
            self.states["INTERRUPTED"] = self.states.get("INTERRUPTED", 0) + 1
        else:
            self.states[record.state] = self.states.get(record.state, 0) + 1
            self.ended_here += record.ended
        if event.best is not None:
            self.best = event.best

    def eta(self) -> str:
        """How long the rest of the trials will take at this run's pace."""
        if not self.total or not self.ended_here:
            return "-"
        left = self.total - self.started + len(self.running)
        seconds = left * (time.monotonic() - self.begun) / self.ended_here
        return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"


@contextmanager
def _live() -> Iterator[Observer]:
    from rich.console import Console
    from rich.live import Live

    progress, lines = Progress(), Lines()
    console = Console(stderr=True)
    live = Live(
        console=console, refresh_per_second=4, get_renderable=lambda: render(progress), transient=True
    )

    def observe(event: Event) -> None:
        if isinstance(event, SweepStarted) and event.engine != "inline":
            live.start()  # inline shares the terminal with the function, and with its debugger
        lines.hear(event)
        if live.is_started:
            progress(event)
        if not live.is_started or isinstance(event, SlotClosed | SweepHalted):
            lines(event)

    try:
        yield observe
    finally:
        live.stop()


def render(progress: Progress) -> RenderableType:
    """Counts, the best so far, and a line for each running trial."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    total = f"/{progress.total}" if progress.total else ""
    counts = [f"{count} {state.lower()}" for state, count in sorted(progress.states.items()) if count]
    counts.insert(0, f"{len(progress.running)} running")
    head = f"trials {progress.started}{total}   {', '.join(counts)}   ETA {progress.eta()}"
    best = "best so far: none"
    if progress.best is not None:
        best = f"best so far: {progress.metric} {short(progress.best[1])} (trial {progress.best[0]})"
    table = Table(box=None, pad_edge=False)
    for column in ("worker", "trial", "epoch", "latest"):
        table.add_column(column, overflow="ellipsis", no_wrap=True)
    for number, running in sorted(progress.running.items(), key=lambda item: item[1].worker)[:16]:
        cells = (running.worker, str(number), str(running.epoch), running.latest)
        table.add_row(*(Text(printable(cell)) for cell in cells))
    return Group(Text(printable(head)), Text(printable(best)), table)
