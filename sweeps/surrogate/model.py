"""What is known of a sweep's learning curves, as a model: observe trials, then ask what they come to."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sweeps.clock import UNLIMITED, TimeLeft
from sweeps.messages import Goal
from sweeps.space import Space
from sweeps.study.record import TrialRecord
from sweeps.surrogate.cost import TrainingCost
from sweeps.surrogate.curves import Curves
from sweeps.surrogate.feasible import Feasible
from sweeps.surrogate.gp import CurveGP
from sweeps.surrogate.kernel import Array
from sweeps.surrogate.points import Points
from sweeps.surrogate.scaling import Scaling
from sweeps.surrogate.selection import Selection
from sweeps.surrogate.threads import Threads
from sweeps.surrogate.trials import Trials
from sweeps.surrogate.units import Units

FIT_POINTS = 250  # for hyperparameters: an L-BFGS step costs some 10 ms with so many
KNOWN_POINTS = 400  # for predictions: a factorisation costs some 5 ms
CLIP = 6.0
GROWTH = 1.1  # hyperparameters are fitted again when so many times as many trials are known

_PENDING = 256  # running trials that are looked at, the latest
_NEAREST = 3  # of them count against a candidate: all of many would leave only the space's corners
_FRESH = 3  # a step through the points of a curve that the model was not told of: so many, or some more
_TIMES = 64  # steps in which the ends of trainings are told apart: each costs
_LUCKY = 0.2  # of the candidates' variance: where luck is more, what is uncertain counts less
_NOTHING = -6.0  # the logarithm of a gain, in deviations, that is next to none
_DOUBT = 4.0  # the power of the probability to be trained: with 1 twice as many fail, and less is found


class CurveModel:
    """Learns from every reported epoch of every trial, running ones included.

    Args:
        space: the search space.
        goal: the objective's better direction.
        epochs: a full training.
        infeasible: stop reasons of failed trials whose neighbourhood is to be avoided.
        earlier: what earlier sweeps make of points of this space, each a function of features (n, columns)
            and times (n,) in [0, 1] that gives (n,): see `sweeps.surrogate.landscape`.
        most: points that predictions rest on.

    Attributes:
        proposes: whether `prepare` is called before proposals, which then is when hyperparameters are fitted.
    """

    def __init__(
        self,
        space: Space,
        goal: Goal,
        epochs: int,
        infeasible: Collection[str] = (),
        *,
        earlier: Sequence[Callable[[Array, Array], Array]] = (),
        most: int = KNOWN_POINTS,
    ) -> None:
        self.units = Units(space)
        self._sign = 1.0 if goal == "minimize" else -1.0
        self._epochs = epochs
        self._trials = Trials(self.units, self._sign, infeasible)
        self._gp = CurveGP(self.units.groups)
        self._cost = TrainingCost(epochs)
        self._feasible = Feasible(self.units.groups)
        self._fitted = 0  # how many trials were known when the hyperparameters were fitted
        self._then = _Then(0, 0, {})
        self._told: dict[int, int] = {}  # how many points of a curve the model knows of
        self._restored = 0  # the trial whose proposal's state was restored last
        self._stale = True
        self._threads = Threads()
        self._fit_on, self._know = Selection(min(FIT_POINTS, most)), Selection(most)
        self._earlier = tuple(earlier)
        self.proposes = False

    # --- learn ------------------------------------------------------------------------------

    def observe(self, record: TrialRecord) -> None:
        """Take in how a trial stands now; what was seen of it before is replaced where it differs."""
        if record.outside:
            return
        self._stale |= self._trials.observe(record)
        whole = record.ended and record.attempt == 1 and not record.inherited
        if whole and record.seconds > 0.0:
            features = self._trials.features(record)
            self._cost.observe(record.number, features, record.epochs, record.seconds)

    @property
    def known(self) -> int:
        """How many trials have reported."""
        return len(self._trials.curves)

    @property
    def state(self) -> dict[str, Any]:
        """What cannot be learned again from the same trials: see `restore`."""
        return {"theta": self._gp.theta.tolist(), "fitted": self._fitted}

    def restore(self, number: int, state: Mapping[str, Any]) -> None:
        """Take up the `state` in which trial ``number`` was proposed, so that a resumed sweep goes on as it
        would have: until the next proposal it knows of no later trial.

        One that is none, or that is of another space, is left alone: the next fit does without it.
        """
        theta, fitted = state.get("theta"), state.get("fitted")
        if self._gp.accepts(theta) and isinstance(fitted, int) and fitted > 0:
            self._gp.theta = np.array(theta, dtype=float)
            self._fitted = fitted
            self._restored = number

    def prepare(self) -> None:
        """Before a proposal: make the model know everything observed, and fit its hyperparameters if it is
        time.
        """
        if self._stale:
            self._fitted = min(self._fitted, self.known)  # an edited space may hold fewer
            due = self.known >= GROWTH * self._fitted + 1
            self._tell(self._trials.curves, fit=due)
            self._fitted = self.known if due else self._fitted
            self._stale = False

    def refresh(self, trial: int) -> None:
        """Before a decision on ``trial``: make the model know what it should not rest without. Where it
        proposes too the hyperparameters stay, so that they do not depend on when decisions were asked for.
        """
        if self._restored and (then := self._trials.curves.until(self._restored)):  # else of an edited space
            self._tell(then)
        elif self._outgrown(trial) or not self._scaling.covers(self._trials.best()):
            if self.proposes:
                self._tell(self._trials.curves)
            else:
                self.prepare()

    def _outgrown(self, trial: int) -> bool:
        """Whether much more is known than the model was told. The trial's own points do not count: those are
        looked at in any case, and a resumed sweep was told at other ones.
        """
        then, curve = self._then, self._trials.curves[trial]
        own = len(curve.epochs) - then.running.get(trial, 0)
        others = self._trials.curves.points - then.points - own
        return self.known >= GROWTH * then.trials + 2 or others >= (GROWTH - 1.0) * then.points + 2

    def _tell(self, curves: Curves, *, fit: bool = False) -> None:
        known = self._know.of(curves)
        self._scaling = Scaling.of(self._losses(known), CLIP)
        with self._threads.single():
            if fit:
                self._gp.fit(self._points(self._fit_on.of(curves)))
            self._gp.condition(self._points(known))
        self._told = {}
        for trial, i in known:
            self._told[trial] = max(i + 1, self._told.get(trial, 0))
        running = {trial: len(curves[trial].epochs) for trial in self._trials.running if trial in curves}
        self._then = _Then(len(curves), curves.points, running)
        self._restored = 0

    def _losses(self, chosen: Sequence[tuple[int, int]]) -> Array:
        return np.array([self._trials.curves[trial].losses[i] for trial, i in chosen])

    def _points(self, chosen: Sequence[tuple[int, int]]) -> Points:
        epochs = np.array([self._trials.curves[trial].epochs[i] for trial, i in chosen])
        features = np.array([self._trials.curves[trial].features for trial, _ in chosen])
        trials = np.array([trial for trial, _ in chosen])
        times, values = self._times(epochs), self._scaling.apply(self._losses(chosen))
        return Points(trials, features, times, values, self._trends(features, times))

    def _trends(self, features: Array, times: Array) -> Array | None:
        if not self._earlier:
            return None
        return np.stack([trend(features, times) for trend in self._earlier], axis=1)

    def _times(self, epochs: Array | NDArray[np.int_]) -> Array:
        if self._epochs == 1:
            return np.ones(len(epochs))
        times: Array = np.log(epochs) / math.log(self._epochs)
        return times

    # --- tell -------------------------------------------------------------------------------

    def best_units(self, most: int) -> Array:
        """Units of the best trials so far, best first, shape (up to ``most``, parameters)."""
        return self._trials.best_units(most)

    def sobriety(self, units: Array) -> float:
        """How much what is uncertain of candidates, rows of ``units``, should count, from 0 to 1.

        Next to 1 where little of it is luck, which no training of a configuration tells of the next. The more
        is, the more trainings it takes to learn what a configuration comes to: those that are expected to do
        well are worth many; to look for others instead draws the search into the corners of the space, of
        which least is known, and leaves it there.
        """
        features = self.units.features(units)
        times = np.ones(len(features))
        with self._threads.single():
            _, deviation = self._gp.predict(features, times, self._trends(features, times))
        return 1.0 / math.hypot(1.0, (self._gp.luck / float(np.median(deviation)) ** 2 / _LUCKY) ** 2)

    def log_worth(
        self, units: Array, margin: float = 0.0, left: TimeLeft = UNLIMITED, sobriety: float = 1.0
    ) -> Array:
        """The logarithm of what training each row of ``units`` to its end is expected to improve on the best
        loss (Jones et al., "Efficient Global Optimization of Expensive Black-Box Functions", 1998), times the
        probability that it can be trained (to a power: a failure tells nothing of losses), less what the
        nearest trials that run now will tell of it: (n,).

        A ``margin``, in deviations of the better half of losses, counts only what improves by more: the
        greater it is, the more is ventured. Where time is limited, a training ends when that is over, and the
        improvement is divided by what it costs, the less so the less time is ``left`` (Lee et al.,
        "Cost-aware Bayesian Optimization", 2020). ``sobriety`` is a factor of the deviations.
        """
        features = self.units.features(units)
        with self._threads.single():
            worth = self._log_gain(features, margin, left.seconds, sobriety)
            if self._trials.infeasible:
                # Where next to nothing is gained its logarithm falls without end: the doubt must not be lost.
                worth = np.where(worth < _NOTHING, 0.9 * _NOTHING + 0.1 * worth, worth)
                worth += _DOUBT * self._log_feasible(features)
            if math.isfinite(left.seconds):
                worth -= left.share * self._cost.log_full(features)
            running = list(self._trials.running.values())[-_PENDING:]
            if running:
                alike = np.sort(self._gp.correlation(features, np.array(running)), axis=1)[:, -_NEAREST:]
                worth += np.log(np.maximum(1.0 - alike, 1e-12)).sum(axis=1)
        return worth

    def _log_gain(self, features: Array, margin: float, seconds: float, sobriety: float) -> Array:
        """The logarithm of the expected improvement of each row of features, trained for ``seconds``."""
        times = np.round(self._times(self._cost.reached(features, seconds)) * _TIMES) / _TIMES
        mean, deviation = self._gp.predict(features, times, self._trends(features, times))
        deviation *= sobriety
        gain: Array = np.log(deviation) + _log_expected((self._best(None) - margin - mean) / deviation)
        return gain

    def _log_feasible(self, features: Array) -> Array:
        """The logarithm of the probability that each row of features can be trained."""
        failed = self._trials.infeasible
        fine = {trial: curve.features for trial, curve in self._trials.curves.items()}
        return self._feasible.log_probability({**fine, **failed}, failed, features)

    def landscape(self, features: Array, times: Array) -> Array:
        """What sets configurations apart at ``times``, in deviations of the better half of losses: (n,)."""
        return self._gp.shared(features, times)

    @property
    def chosen(self) -> list[tuple[int, int, float]]:
        """(trial, epoch, best objective until then) of each point that predictions rest on now."""
        chosen = [(self._trials.curves[trial], trial, i) for trial, i in self._know.of(self._trials.curves)]
        return [(trial, curve.epochs[i], self._sign * curve.losses[i]) for curve, trial, i in chosen]

    def chance(self, trial: int) -> float:
        """The probability that a running trial, trained to its end, beats the best of all others: its luck
        counts as that of the best did.
        """
        curve = self._trials.curves[trial]
        unseen = range(self._told.get(trial, 0), len(curve.epochs))
        fresh = sorted({*unseen[-1:], *unseen[: -1 : max(1, len(unseen) // _FRESH)]})
        epochs = np.array([*(curve.epochs[i] for i in fresh), self._epochs])
        losses = np.array([*(curve.losses[i] for i in fresh), curve.losses[-1]])
        same, features = np.full(len(epochs), trial), np.tile(curve.features, (len(epochs), 1))
        times, values = self._times(epochs), self._scaling.apply(losses)
        with self._threads.single():
            points = Points(same, features, times, values, self._trends(features, times))
            mean, deviation = self._gp.predict_after(points)
        return _normal((self._best(trial) - mean) / math.hypot(deviation, math.sqrt(self._gp.noise)))

    def _best(self, but: int | None) -> float:
        """The best loss of all trials ``but`` one, in the model's units."""
        return float(self._scaling.apply(np.array([self._trials.best(but)]))[0])


class _Then(NamedTuple):
    """What there was when the model was last told: trials, points of all of them, and of each that ran."""

    trials: int
    points: int
    running: Mapping[int, int]


def _log_expected(gain: Array) -> Array:
    """log(phi(g) + g Phi(g)) of each g, also where it underflows."""
    from scipy.special import ndtr

    density = np.exp(-0.5 * gain * gain) / math.sqrt(2.0 * math.pi)
    near = np.log(np.maximum(density + gain * ndtr(gain), 1e-300))
    far = np.minimum(gain, -5.0)
    tail = -0.5 * far * far - 0.5 * math.log(2.0 * math.pi) - 2.0 * np.log(-far)
    return np.where(gain > -5.0, near, tail)


def _normal(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2.0))
