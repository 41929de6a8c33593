"""Whether a study is all there. A trial's end is in events.jsonl only after the study has it on the disk, so
no crash, and no power cut, leaves a study that lacks one: only damage does, or a backup that is older.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sweeps.errors import CorruptStudyError
from sweeps.paths import RunPaths, shown
from sweeps.strictjson import parse_object
from sweeps.study.journal import CREATE_TRIAL, how_to_restore, read_journal
from sweeps.study.record import TrialRecord

_ENDED = ("COMPLETE", "PRUNED", "FAILED")
_SHOWN = 5  # numbers in a message


def ended_trials(paths: RunPaths) -> set[int]:
    """The trials whose end events.jsonl tells of. To be read before the study, which may be running on."""
    ended = (event for event in _told(paths, "TrialEnded") if event.get("state") in _ENDED)
    return {event["number"] for event in ended}


def holds_trials(paths: RunPaths) -> bool:
    """Whether the study, or events.jsonl, knows of a trial; also where that cannot be told."""
    if ended_trials(paths):
        return True
    try:
        records = read_journal(paths.journal) if paths.journal.exists() else ()
        return any(record["op_code"] == CREATE_TRIAL for record in records)
    except CorruptStudyError:
        return True


def begun_attempts(paths: RunPaths) -> dict[int, int]:
    """The latest attempt of each trial that events.jsonl tells the beginning of, by the trial's number."""
    begun: dict[int, int] = {}
    for event in _told(paths, "TrialStarted"):
        if type(event.get("attempt")) is int:
            begun[event["number"]] = max(event["attempt"], begun.get(event["number"], 0))
    return begun


def _told(paths: RunPaths, kind: str) -> Iterator[Mapping[str, Any]]:
    """The events of this kind that read back, each of a numbered trial."""
    if not paths.events.exists():
        return
    with open(paths.events, "rb") as file:
        for line in file:
            if kind.encode() not in line:
                continue
            try:
                event = parse_object(line)
            except ValueError:
                continue
            if event.get("event") == kind and type(event.get("number")) is int:
                yield event


def refuse_lost(
    paths: RunPaths, ended: set[int], records: Sequence[TrialRecord] | None, url: str | None = None
) -> None:
    """Refuse a study that lacks the end of a trial among ``ended``, and one that is gone although trials have
    begun (``records`` None). A power cut may take all starts of its last second, but not the study.

    Raises:
        CorruptStudyError: it does; nothing was changed.
    """
    lost = sorted(ended - {record.number for record in records or () if record.ended})
    place = "the study in the database" if url else shown(paths.journal)
    how = "restore the database from a backup" if url else how_to_restore(paths.journal)
    if lost:
        numbers = ", ".join(map(str, lost[:_SHOWN])) + (", ..." if len(lost) > _SHOWN else "")
        raise CorruptStudyError(
            f"{place} must hold the end of every trial that {paths.events.name} tells of, and {len(lost)} "
            f"are missing ({numbers}): {how}; to run these trials once more, move {paths.events.name} aside"
        )
    if records is None and not url and paths.trials.is_dir() and any(paths.trials.iterdir()):
        raise CorruptStudyError(
            f"{place} must hold the trials that have folders in {shown(paths.trials)}, and is gone: {how}"
        )
