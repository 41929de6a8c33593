"""Population-based training, as the YAML gives it: `pruner: {name: pbt, interval: 5}`.

Jaderberg et al., "Population Based Training of Neural Networks", arXiv:1711.09846, 2017.
"""

from __future__ import annotations

from collections.abc import Iterable

from sweeps.errors import UsageError
from sweeps.space import Float, Space
from sweeps.study.record import TrialRecord


class Pbt:
    """What a population goes by; it ends no trial. `sweeps.controller.population` acts on it.

    Args:
        interval: epochs of a generation, >= 1; at every multiple of it, the last epoch excepted, all trials
            are compared.
        quantile: the share, above 0 and at most 0.5, of trials that are replaced, and of those they descend
            from.
        perturb: a value is multiplied by 1 - perturb or 1 + perturb, in (0, 1).
        resample: the probability, from 0 to 1, that a value is drawn anew instead.
        explore: the parameters that are changed; by default every range of floats without ``when``.

    Raises:
        UsageError: an argument outside its range.
    """

    name = "pbt"

    def __init__(
        self,
        *,
        interval: int,
        quantile: float = 0.25,
        perturb: float = 0.2,
        resample: float = 0.25,
        explore: tuple[str, ...] = (),
    ) -> None:
        if interval < 1:
            raise UsageError(f"interval must be at least 1 epoch, not {interval}")
        if not 0 < quantile <= 0.5:
            raise UsageError(f"quantile must be above 0 and at most 0.5, not {quantile}")
        if not 0 < perturb < 1:
            raise UsageError(f"perturb must be above 0 and below 1, not {perturb}")
        if not 0 <= resample <= 1:
            raise UsageError(f"resample must be from 0 to 1, not {resample}")
        if not isinstance(explore, tuple) or not all(isinstance(name, str) for name in explore):
            raise UsageError("explore must be a list of parameters' names, such as [lr]")
        self.interval = interval
        self.quantile = quantile
        self.perturb = perturb
        self.resample = resample
        self._explore = explore

    def explored(self, space: Space) -> tuple[str, ...]:
        """The parameters that change; whole numbers, which often are sizes of the model, only by name."""
        floats = (p.name for p in space.parameters if isinstance(p.domain, Float) and not p.when)
        return self._explore or tuple(floats)

    def report(self, trial: int, epoch: int, best: float) -> bool:
        return False

    def ended(self, record: TrialRecord) -> None:
        """Nothing to do: an ended trial has left the population."""

    def replay(self, records: Iterable[TrialRecord]) -> None:
        """Nothing to do: the records tell."""
