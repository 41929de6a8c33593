"""Who descends from whom in a population, and the schedule of hyperparameters that this makes of a trial."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sweeps.study.record import TrialRecord

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Segment:
    """Epochs that were trained with one configuration, in one trial."""

    first: int
    last: int
    trial: int
    params: Mapping[str, Any]  # flat: dotted name -> value, active parameters only


def schedule(records: Sequence[TrialRecord], number: int, epoch: int) -> tuple[Segment, ...]:
    """How the state that trial ``number`` held after ``epoch`` came about, from epoch 1 on.

    ``records`` are all trials by number.
    """
    segments: list[Segment] = []
    while epoch:
        record = records[number]
        origin = max((i for i in record.inherited if i.epoch < epoch), key=lambda i: i.epoch, default=None)
        begins = origin.epoch if origin else 0
        segments.append(Segment(begins + 1, epoch, number, record.params_at(epoch)))
        number, epoch = origin.parent if origin else number, begins
    return tuple(reversed(segments))


def lineage_frame(records: Sequence[TrialRecord]) -> pd.DataFrame:
    """One row an exploit, by epoch and number: number, epoch, parent, changed.

    Trial ``number`` went on from what ``parent`` held after ``epoch``. ``changed`` is a dict from the name of
    each parameter that is not what it was to (old, new), None where it is inactive.
    """
    import pandas as pd

    rows = [
        (record.number, inherited.epoch, inherited.parent, inherited.changed)
        for record in records
        for inherited in record.inherited
    ]
    rows.sort(key=lambda row: (row[1], row[0]))
    return pd.DataFrame(rows, columns=["number", "epoch", "parent", "changed"])
