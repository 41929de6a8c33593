"""What a results folder says of itself, read once for all checks.

The order matters while the sweep runs: the driver writes to the study before it writes an event, so events
that are read first must be found in the study that is read after them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sweeps.errors import CorruptStudyError
from sweeps.paths import RunPaths
from sweeps.results import Results
from sweeps.spec import SweepSpec
from sweeps.strictjson import parse_object
from sweeps.study import (
    TimeStep,
    TrialRecord,
    TrialStep,
    as_shown,
    is_locked,
    read_end,
    read_history,
    read_stored,
)
from sweeps.verify.events import Event, is_event

__all__ = ["Event", "Evidence", "gather"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """One folder at one moment."""

    paths: RunPaths
    spec: SweepSpec
    driven: bool  # whether a driver held the folder's lock while this was read
    events: Sequence[Event]  # every line of events.jsonl that reads back, in order
    folders: Sequence[int]  # the trials that have a folder, by number
    stored: Sequence[TrialRecord]  # the study as it is written
    shown: Sequence[TrialRecord]  # as every reader sees it
    table: Mapping[int, str]  # the states by number in the table that every reader gets
    history: Sequence[TrialStep | TimeStep] | None  # None where the study is in a database
    ended: str | None  # why the sweep ended; None: it goes on, was interrupted, or killed

    @property
    def closed(self) -> str | None:
        """Why the last run came to its end, "interrupted" included; None for one that was killed, or runs."""
        times = [step for step in self.history or () if isinstance(step, TimeStep)]
        return times[-1].ended if times else self.ended

    @property
    def silent(self) -> str | None:
        """What the events cannot tell, since they are not there, or not from the beginning on."""
        if not self.events:
            return "what events.jsonl says: it is missing, or nothing of it reads back"
        begun = self.events[0]["event"] == "SweepStarted"
        return None if begun else "what the beginning of events.jsonl says: it does not read back"

    def events_of(self, *kinds: str) -> list[Event]:
        return [event for event in self.events if event["event"] in kinds]


def gather(paths: RunPaths, spec: SweepSpec) -> Evidence:
    """Read ``paths``; nothing is changed.

    Raises:
        CorruptStudyError: the study does not read back.
    """
    driven = is_locked(paths.lock)
    folders = [int(path.name) for path in paths.trials.glob("[0-9]*") if path.name.isdecimal()]
    events = _events(paths.events)
    stored = read_stored(paths, spec.name, spec.metric.goal, spec.storage)
    journal = paths.current(paths.journal)
    in_journal = spec.storage is None and journal.exists()
    return Evidence(
        paths=paths,
        spec=spec,
        events=events,
        folders=sorted(folders),
        stored=stored,
        shown=as_shown(paths, stored),
        table=_states(paths, spec),
        history=read_history(journal, spec.name) if in_journal else None,
        ended=read_end(paths, spec.name, spec.storage),
        driven=driven or is_locked(paths.lock),
    )


def _states(paths: RunPaths, spec: SweepSpec) -> Mapping[int, str]:
    try:
        trials = Results(paths, spec).trials
    except CorruptStudyError:  # every reader is refused: what is lost is I1's to say
        return {}
    return dict(zip(trials["number"].tolist(), trials["state"].tolist(), strict=True))


def _events(path: Path) -> list[Event]:
    """The events that read back."""
    if not path.exists():
        return []
    return [event for line in path.read_bytes().splitlines() if is_event(event := _parsed(line))]


def _parsed(line: bytes) -> Event:
    try:
        return parse_object(line)
    except ValueError:
        return {}
