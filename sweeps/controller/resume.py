"""What the study may lack after a crash, and where it still stands."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from sweeps.controller.reading import Reading
from sweeps.paths import RunPaths
from sweeps.study import Further, StudyStore, TrialRecord, begun_attempts
from sweeps.trial.curve import Row, read_epochs

_MOST = 2**62  # attempts that a line can tell of, so that there is room for more


class Recovery:
    """What the study lost of its trials, from what the folder has besides.

    A worker writes its line in metrics.jsonl before it sends its report, the driver one in events.jsonl when
    an attempt begins, and the journal is on the disk up to a second after that: a power cut can leave a
    checkpoint whose epochs the study never heard of, and take that a trial was started again.
    """

    def __init__(self, paths: RunPaths, store: StudyStore, reading: Reading) -> None:
        self._paths = paths
        self._store = store
        self._reading = reading
        self._begun = begun_attempts(paths)

    def catch_up(self, record: TrialRecord) -> bool:
        """Take in what is missing of a trial that has not ended; returns whether anything was."""
        rows = read_epochs(self._paths.trial(record.number).metrics)
        missing = list(_missing(rows, record, self._reading))
        for epoch, value, further in missing:
            record.observe(epoch, value, self._reading.goal, further)
            self._store.write_epoch(record.number, epoch, value, further)
        begun = [self._begun.get(record.number, 0), *(row.attempt for row in rows)]
        lost = [attempt for attempt in begun if record.attempt < attempt < _MOST]
        record.attempt = max(lost, default=record.attempt)
        return bool(missing or lost)


def _missing(
    rows: Sequence[Row], record: TrialRecord, reading: Reading
) -> Iterator[tuple[int, float, Further | None]]:
    """(epoch, objective, what is kept besides) of the reports that the study lacks.

    What the latest attempt wrote wins over what an earlier one did. Of a trial that does not run, the study
    may lack whole attempts; of those it knows it lacks nothing.
    """
    for row in rows:
        if record.state != "RUNNING" and row.attempt <= record.attempt:
            continue
        overtaken = row.attempt < record.attempt and row.epoch in record.values
        if overtaken or reading.wrong(row.metrics):
            continue
        value, further = reading.value(row.metrics), reading.further(row.metrics)
        if (record.values.get(row.epoch), record.further.get(row.epoch)) != (value, further):
            yield row.epoch, value, further


def clear_leftovers(directory: Path) -> None:
    """A new trial must not start from the checkpoint of one that the journal lost with its last second."""
    if directory.is_symlink():
        directory.unlink()
    elif directory.exists():
        shutil.rmtree(directory)
