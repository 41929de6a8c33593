"""What a trial's curves say about its training, in one word.

The curves are smoothed first, by running medians of three epochs; their noise is the mean distance between
a curve and the smoothed one, its first epoch left out. A change counts if it is more than 0.5% of the
baseline and 4 times the noise. The baseline is the fact ``baseline_loss``, the loss of always predicting the
same, else the training loss of the first epoch. "Ended" is the smoothed last epoch. The first rule that holds
decides:

    diverged               a loss is not finite, or the training loss ended more than 10% above its first
    overfitting since k    val_loss ended more than 10% above its best, which it had at epoch k, while
                           train_loss fell by more than 2% after k
    overconfident since k  the same, but val_accuracy did not fall after k (by more than 0.5% of it, or its
                           noise): the classes are as good as before, the probabilities worse
    still improving        val_loss has its best in the last tenth of the epochs (at least the last two) and
                           fell by more than 5% in the last quarter
    underfitting           train_loss ended above half of the baseline
    good fit               none of these

Without both ``train_loss`` and ``val_loss`` only three of them can be told, from the objective alone:
``diverged`` where it is not finite, or ended worse than its first value by more than that value's own size;
``still improving`` where its best is among the last epochs and the last quarter brought more than 10% of all
its improvement; ``good fit`` where it is ``val_loss``, ended within 10% of its best and below half of a
recorded ``baseline_loss``. Nothing is said of fewer than four epochs.

Running medians and their rule for the ends: Tukey, Exploratory Data Analysis, 1977. All rules are relative:
losses in another unit get the same word.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from sweeps.messages import Goal

MIN_EPOCHS = 4
DIVERGED = 0.10  # of the first training loss
RISE = 0.10  # of the best validation loss
FALL = 0.02  # of the training loss at the best epoch: it kept falling
ACCURACY = 0.005  # of the accuracy at the best epoch: it holds
LAST = 0.10  # of the epochs: where the best of a trial lies that still improves
IMPROVING = 0.05  # of the loss, in the last quarter
IMPROVING_ALONE = 0.10  # of an objective's whole improvement, in the last quarter
UNDERFIT = 0.5  # of the baseline
NEGLIGIBLE = 0.005  # of the baseline: a smaller change is none
NOISE = 4.0  # times the noise of a curve: a smaller change is none

Epochs = Sequence[tuple[int, Mapping[str, float]]]


def diagnose(epochs: Epochs, objective: str, goal: Goal, baseline: float | None = None) -> str | None:
    """The word for a trial that reported ``epochs``, (epoch, metrics) in order; None if they tell too little.

    ``baseline`` is the recorded ``baseline_loss``, above 0.
    """
    train, val, aim = (_values(epochs, name) for name in ("train_loss", "val_loss", objective))
    if not all(map(math.isfinite, (*train.values(), *val.values(), *aim.values()))):
        return "diverged"
    both = [epoch for epoch, _ in epochs if epoch in train and epoch in val]
    if len(both) >= MIN_EPOCHS:
        known = Losses(
            both,
            Curve([train[epoch] for epoch in both]),
            Curve([val[epoch] for epoch in both]),
            _values(epochs, "val_accuracy"),
        )
        return _of_losses(known, baseline or known.train.values[0])
    if len(aim) < MIN_EPOCHS:
        return None
    return _of_objective(list(aim.values()), objective, goal, baseline)


def _values(epochs: Epochs, name: str) -> dict[int, float]:
    return {epoch: metrics[name] for epoch, metrics in epochs if name in metrics}


class Curve:
    """One metric by epoch, at least four of them: as reported, smoothed, and how noisy it is."""

    def __init__(self, values: Sequence[float]) -> None:
        self.values = values
        self.smooth = smoothed(values)
        # The steep fall of the first epoch would count as noise.
        later = zip(values[1:], self.smooth[1:], strict=True)
        self.noise = sum(abs(a - b) for a, b in later) / (len(values) - 1)
        self.end = self.smooth[-1]

    @cached_property
    def lowest(self) -> float:
        """The smallest smoothed value."""
        return min(self.smooth)

    @cached_property
    def best(self) -> int:
        """The position of the smallest value, as reported, next to where the smoothed curve is lowest."""
        low = [at for at, value in enumerate(self.smooth) if value == self.lowest]
        near = range(max(low[0] - 1, 0), min(low[-1] + 2, len(self.values)))
        return min(near, key=lambda at: self.values[at])

    @property
    def best_is_late(self) -> bool:
        """Whether the smallest value is among the last ones."""
        return self.best >= len(self.values) - max(2, round(LAST * len(self.values)))

    @property
    def last_fall(self) -> float:
        """How much it fell in the last quarter."""
        return self.quarter - self.end

    @property
    def quarter(self) -> float:
        """Its value where the last quarter begins."""
        return self.smooth[-1 - math.ceil(len(self.smooth) / 4)]


@dataclass(frozen=True, slots=True)
class Losses:
    """Both losses at the ``epochs`` that reported both, and the accuracy by epoch."""

    epochs: Sequence[int]
    train: Curve
    val: Curve
    accuracy: Mapping[int, float]


def _of_losses(known: Losses, baseline: float) -> str:
    train, val = known.train, known.val
    if _counts(train, train.end - train.values[0], DIVERGED * abs(train.values[0]), baseline):
        return "diverged"
    best = val.best
    rose = _counts(val, val.end - val.lowest, RISE * abs(val.lowest), baseline)
    fell = _counts(train, train.smooth[best] - train.end, FALL * abs(train.smooth[best]), baseline)
    if rose and fell:
        word = "overconfident" if _holds(known, best) else "overfitting"
        return f"{word} since epoch {known.epochs[best]}"
    if val.best_is_late and _counts(val, val.last_fall, IMPROVING * abs(val.quarter), baseline):
        return "still improving"
    return "underfitting" if train.end > UNDERFIT * baseline else "good fit"


def _of_objective(values: list[float], name: str, goal: Goal, baseline: float | None) -> str | None:
    curve = Curve(values if goal == "minimize" else [-value for value in values])
    first, best = curve.values[0], curve.lowest
    if _counts(curve, curve.end - first, abs(first)):
        return "diverged"
    if curve.best_is_late and _counts(curve, curve.last_fall, IMPROVING_ALONE * (first - best)):
        return "still improving"
    if name != "val_loss" or goal != "minimize" or baseline is None:
        return None
    rose = _counts(curve, curve.end - best, RISE * abs(best), baseline)
    return None if rose or curve.end > UNDERFIT * baseline else "good fit"


def _counts(curve: Curve, change: float, least: float, baseline: float = 0.0) -> bool:
    """Whether ``change`` is above ``least``, above the noise of ``curve`` and worth mentioning."""
    return change > max(least, NOISE * curve.noise, NEGLIGIBLE * abs(baseline))


def _holds(known: Losses, best: int) -> bool:
    if not all(epoch in known.accuracy for epoch in known.epochs):
        return False
    accuracy = Curve([known.accuracy[epoch] for epoch in known.epochs])
    then = accuracy.smooth[best]
    return accuracy.end >= then - max(ACCURACY * abs(then), accuracy.noise)


def smoothed(values: Sequence[float]) -> list[float]:
    """Running medians of three; an end is the median of itself and of what its neighbours lead to.

    ``values`` are at least four.
    """
    inner = [sorted(three)[1] for three in zip(values, values[1:], values[2:], strict=False)]
    first = sorted((values[0], inner[0], 3 * inner[0] - 2 * inner[1]))[1]
    last = sorted((values[-1], inner[-1], 3 * inner[-1] - 2 * inner[-2]))[1]
    return [first, *inner, last]
