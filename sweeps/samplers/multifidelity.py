"""A sampler that learns from every epoch of every trial: see `sweeps.surrogate`.

The first trials fill the space evenly (scrambled Sobol' points). After that a trial gets the configuration
of greatest worth to the model among random ones and neighbours of the best, refined in a few rounds.
"""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np

from sweeps.samplers.base import Draw, Proposal, Sampler
from sweeps.samplers.native import QmcSampler
from sweeps.seeding import generator
from sweeps.space import Space
from sweeps.study.record import TrialRecord
from sweeps.surrogate import CurveModel
from sweeps.surrogate.kernel import Array

STARTUP_TRIALS, EXPLORATION = 8, 0.05  # the defaults
ATTRIBUTE = "multifidelity"  # of a trial: the state of the model when it was proposed
_RANDOM = 400  # candidates from anywhere
_PARENTS = 5  # the best trials, whose neighbours are candidates
_NEIGHBOURS = 40  # of each parent and kind
_ROUNDS = 3  # of refinement
_SAMPLE = 4  # every so many candidates tell how much of their deviation is luck
_MARGINS = -2.0, 0.0  # powers of ten: see `CurveModel.log_worth`
_TRIED = 64  # candidates that the constraints, or equal trials, may rule out


class MultiFidelitySampler(Sampler):
    """Proposes what the model expects to improve most on the best trial.

    Args:
        space: the search space.
        seed: of everything random.
        model: what it learns with.
        n_startup_trials: trials that fill the space before the model is asked, >= 1.
        exploration: share of later trials that go on filling the space, from 0 to 1.
    """

    def __init__(
        self,
        *,
        space: Space,
        seed: int,
        model: CurveModel,
        n_startup_trials: int = STARTUP_TRIALS,
        exploration: float = EXPLORATION,
    ) -> None:
        self._space = space
        self._seed = seed
        self._model = model
        model.proposes = True
        self._startup = n_startup_trials
        self._exploration = exploration
        self._even = QmcSampler(space=space, seed=seed)
        self._taken: set[Hashable] = set()

    def observe(self, record: TrialRecord) -> None:
        self._taken.add(self._space.key(record.params))
        self._model.observe(record)

    def suggest(self, draw: Draw) -> Proposal:
        rng = generator(self._seed, draw.number, draw.redraw)
        explores = rng.random() < self._exploration
        if self._model.known < max(self._startup // 2, 1):
            return self._even.suggest(draw)
        self._model.prepare()
        kept = {ATTRIBUTE: self._model.state}
        if draw.number < self._startup or explores:
            return Proposal(self._even.suggest(draw).params, kept)
        units, worth = self._candidates(draw, rng)
        for at in np.argsort(-worth)[:_TRIED]:
            params = self._model.units.params(units[at])
            if self._space.key(params) not in self._taken and self._space.allows(params):
                return Proposal(params, kept)
        return Proposal(self._even.suggest(draw).params, kept)

    def _candidates(self, draw: Draw, rng: np.random.Generator) -> tuple[Array, Array]:
        """Rows of units and what each is worth.

        Each proposal has an ambition of its own, from refining the best to leaving it far behind: a search
        of one ambition gets stuck. (Rakotoarison et al., "In-Context Freeze-Thaw Bayesian Optimization for
        Hyperparameter Optimization", 2024, draw that of a probability of improvement.)
        """
        margin = 10.0 ** rng.uniform(*_MARGINS)
        units = self._model.units
        parents = self._model.best_units(_PARENTS)
        drawn = [rng.random((_RANDOM, len(units)))]
        for parent in parents:
            family = np.repeat(parent[None, :], _NEIGHBOURS, axis=0)
            drawn += [self._near(family, 0.02, 1.0, rng), self._near(family, 0.1, 1.0, rng)]
            drawn.append(self._near(family, np.inf, 0.3, rng))
        rows = units.snap(np.concatenate(drawn), draw.within)
        sobriety = self._model.sobriety(rows[::_SAMPLE])
        worth = self._model.log_worth(rows, margin, draw.left, sobriety)
        for round_ in range(_ROUNDS):
            best = rows[np.argsort(-worth)[:8]]
            family = np.repeat(best, 25, axis=0)
            near = units.snap(self._near(family, 0.1 * 0.4**round_, 0.5, rng), draw.within)
            worth = np.append(worth, self._model.log_worth(near, margin, draw.left, sobriety))
            rows = np.vstack([rows, near])
        return rows, worth

    def _near(self, family: Array, spread: float, share: float, rng: np.random.Generator) -> Array:
        """Each row with a ``share`` of its units moved by ``spread``; anywhere for an infinite one, or where
        the parameter has no order.
        """
        moved = rng.random(family.shape) < share
        anywhere = rng.random(family.shape)
        if np.isinf(spread):
            return np.where(moved, anywhere, family)
        near = np.clip(family + spread * rng.standard_normal(family.shape), 0.0, 1.0)
        for at in range(family.shape[1]):
            if self._model.units.resampled(at):
                near[:, at] = np.where(anywhere[:, at] < 0.2, rng.random(len(family)), family[:, at])
        return np.where(moved, near, family)
