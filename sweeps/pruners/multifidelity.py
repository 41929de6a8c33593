"""Stops trials by a model of their learning curves: see `sweeps.surrogate`.

There are no rungs: a trial that starts badly goes on where the model knows that good ones start badly, or
does not know yet how trials end.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterable, Sequence

from sweeps.components import check_least
from sweeps.errors import UsageError
from sweeps.study.record import TrialRecord
from sweeps.surrogate import CurveModel

CHANCE, STARTUP_TRIALS = 0.1, 4  # the defaults
_SPARED = 0.9  # of the epochs: what is left is soon over, and may make the winner
_CAUTION = 0.1  # so much of the chance is enough to go on while how curves end is supposed, not known


class MultiFidelityPruner:
    """Stops a trial that has next to no chance to end as the best.

    The chance is looked at when a trial has trained a third longer than when it was last looked at, and once
    ``startup_trials`` have reported. The best trial so far is compared with the best of the others. Until a
    trial is COMPLETE a tenth of ``chance`` is enough to go on, since there are curves that stay where they
    begin for most of the epochs; and the last one of those that run goes on in any case: it may be the best.

    Args:
        model: gives the chance; it is told of every report here.
        records: the sweep's trials by number, live.
        epochs: the sweep's epochs.
        chance: a trial with less is stopped, from 0 (never) to below 1.
        startup_trials: so many trials must have reported, >= 2.

    Raises:
        UsageError: an argument outside its range.
    """

    name = "multifidelity"

    def __init__(
        self,
        *,
        model: CurveModel,
        records: Sequence[TrialRecord],
        epochs: int,
        chance: float = CHANCE,
        startup_trials: int = STARTUP_TRIALS,
    ) -> None:
        if not 0.0 <= chance < 1.0:
            raise UsageError(f"chance must be from 0 to below 1, not {chance}")
        check_least(2, startup_trials=startup_trials)
        self._model = model
        self._records = records
        self._chance = chance
        self._startup = startup_trials
        self._looks = looks(epochs)
        self._last = _SPARED * epochs
        self._seen_one_end = False
        self._running: set[int] = set()  # those that have reported, and are to go on

    def report(self, trial: int, epoch: int, best: float) -> bool:
        self._model.observe(self._records[trial])
        self._running.add(trial)
        if not self._due(trial, epoch) or self._model.known < self._startup:
            return False
        self._model.refresh(trial)
        last_hope = not self._seen_one_end and self._running == {trial}
        limit = self._chance if self._seen_one_end else _CAUTION * self._chance
        if last_hope or self._model.chance(trial) >= limit:
            return False
        self._running.discard(trial)
        return True

    def _due(self, trial: int, epoch: int) -> bool:
        """Whether a look lies between the report before and this one: not every epoch need be reported."""
        before = next((past for past in reversed(self._records[trial].values) if past < epoch), 0)
        return epoch <= self._last and bisect(self._looks, before) < bisect(self._looks, epoch)

    def ended(self, record: TrialRecord) -> None:
        self._model.observe(record)
        self._running.discard(record.number)
        self._seen_one_end |= record.state == "COMPLETE"

    def replay(self, records: Iterable[TrialRecord]) -> None:
        for record in records:
            self.ended(record)


def looks(epochs: int) -> list[int]:
    """The epochs at which a trial's chance is looked at: 3, 4, 5, 7, 9, 13, ..., none among the last tenth of
    ``epochs``.
    """
    found, latest = [], 1.5
    while latest * 1.33 < epochs:
        latest = max(latest * 1.33, round(latest) + 1)
        found.append(round(latest))
    return [epoch for epoch in found if epoch <= _SPARED * epochs]
