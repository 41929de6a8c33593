"""Families of problems with known traps; an instance's number draws what is random in it.

Each is a landscape over the unit cube (the loss of the last epoch, 0 to about 1) and the way there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.search.space import Columns, Space, encode

EPOCHS = 50
Curves = Callable[[Columns], tuple[np.ndarray, np.ndarray]]
_TIME = np.arange(1, EPOCHS + 1) / EPOCHS

# Hartmann's function of six variables; Dixon and Szegö, "Towards Global Optimisation 2", 1978.
_WEIGHTS = np.array([1.0, 1.2, 3.0, 3.2])
_WIDTHS = np.array(
    [
        [10, 3, 17, 3.5, 1.7, 8],
        [0.05, 10, 17, 0.1, 8, 14],
        [3, 3.5, 1.7, 10, 17, 8],
        [17, 8, 0.05, 10, 0.1, 14],
    ]
)
_CENTRES = np.array(
    [
        [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
        [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
        [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650],
        [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
    ]
)
_HARTMANN_LEAST = -3.32237
_BRANIN_LEAST, _BRANIN_MOST = 0.397887, 308.13


@dataclass(frozen=True)
class Wave:
    """A smooth function of the unit cube, 0 to 1: what else differs between configurations."""

    direction: np.ndarray
    phase: float

    @classmethod
    def drawn(cls, rng: np.random.Generator, dimensions: int) -> Wave:
        return cls(rng.normal(0.0, 0.6, dimensions), rng.uniform(0.0, 1.0))

    def __call__(self, cube: np.ndarray) -> np.ndarray:
        return 0.5 + 0.5 * np.sin(2 * np.pi * (cube @ self.direction + self.phase))


def hartmann(instance: str) -> tuple[Space, int, Curves]:
    """Six parameters on mixed scales. Good configurations tend to learn slowly, so that curves cross, and
    some overfit towards the end.
    """
    rng = np.random.default_rng([6, int(instance)])
    space: Space = {
        "lr": {"min": 1e-4, "max": 1.0, "log": True},
        "decay": {"min": 1e-6, "max": 1e-1, "log": True},
        "width": {"min": 16, "max": 512, "log": True},
        **{name: {"min": 0.0, "max": 1.0} for name in ("momentum", "dropout", "noise")},
    }
    order, flipped = rng.permutation(6), rng.random(6) < 0.5

    def landscape(cube: np.ndarray) -> np.ndarray:
        return _hartmann(np.where(flipped, 1.0 - cube, cube)[:, order])

    return space, EPOCHS, _crossing(space, landscape, rng)


def branin(instance: str) -> tuple[Space, int, Curves]:
    """Two numbers and a choice, of which one shifts the landscape and one lifts it; crossing curves as above.

    Branin's function: Dixon and Szegö 1978; here on the log scale.
    """
    rng = np.random.default_rng([2, int(instance)])
    kinds = ["sgd", "adam", "rmsprop"]
    space: Space = {
        "lr": {"min": 1e-5, "max": 1e-1, "log": True},
        "momentum": {"min": 0.0, "max": 0.99},
        "optimizer": {"values": [kinds[place] for place in rng.permutation(3)]},
    }

    def landscape(cube: np.ndarray) -> np.ndarray:
        kind = (cube[:, 2] * 3).astype(int)
        x, y = np.where(kind == 1, 1.0 - cube[:, 0], cube[:, 0]), cube[:, 1]
        loss = _branin(x, y)
        return np.where(kind == 2, 0.25 + 0.75 * loss, loss + 0.03 * (kind == 1))

    return space, EPOCHS, _crossing(space, landscape, rng)


def deceptive(instance: str) -> tuple[Space, int, Curves]:
    """The better a configuration ends, the worse it looks until more than half of its epochs are over.

    Early losses all lie above the late ones, so that only the last epochs count.
    """
    rng = np.random.default_rng([0, int(instance)])
    names = ("lr", "decay", "momentum", "dropout")
    space: Space = {name: {"min": 0.0, "max": 1.0} for name in names}
    best, stretch = rng.uniform(0.15, 0.85, 4), rng.uniform(0.6, 1.4, 4)
    power, other, slow = rng.uniform(1.8, 2.6), Wave.drawn(rng, 4), Wave.drawn(rng, 4)

    def curves(configs: Columns) -> tuple[np.ndarray, np.ndarray]:
        cube = encode(space, configs)
        last = np.sqrt(((stretch * (cube - best)) ** 2).mean(axis=1))
        first = 1.6 - 0.6 * last + 0.1 * other(cube)
        turned = _TIME**power
        losses = (1 - turned) * first[:, None] + turned * last[:, None]
        return losses, _seconds(slow(cube))

    return space, EPOCHS, curves


def _crossing(
    space: Space, landscape: Callable[[np.ndarray], np.ndarray], rng: np.random.Generator
) -> Curves:
    """Curves that fall to ``landscape`` exponentially, the slower the better they end, then rise for some."""
    height, pace, over, slow = (Wave.drawn(rng, len(space)) for _ in range(4))

    def curves(configs: Columns) -> tuple[np.ndarray, np.ndarray]:
        cube = encode(space, configs)
        last = landscape(cube)
        rate = 25.0 ** (0.5 * pace(cube) + 0.5 * np.clip(last, 0.0, 1.0))[:, None]
        fallen = (np.exp(-rate * _TIME) - np.exp(-rate)) / (1 - np.exp(-rate))
        excess = np.maximum(over(cube) - 0.7, 0.0)[:, None] * np.maximum(_TIME - 0.6, 0.0)
        return last[:, None] + (0.7 + 0.5 * height(cube))[:, None] * fallen + excess, _seconds(slow(cube))

    return curves


def _seconds(slow: np.ndarray) -> np.ndarray:
    """An epoch takes 10 to 40 seconds, by configuration."""
    return np.repeat(10.0 * 4.0 ** slow[:, None], EPOCHS, axis=1)


def _hartmann(cube: np.ndarray) -> np.ndarray:
    squares = (_WIDTHS * (cube[:, None, :] - _CENTRES) ** 2).sum(axis=2)
    return 1 + (np.exp(-squares) @ _WEIGHTS) / _HARTMANN_LEAST


def _branin(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    x, y = 15 * u - 5, 15 * v
    valley = (y - 5.1 / (4 * np.pi**2) * x**2 + 5 / np.pi * x - 6) ** 2
    value = valley + 10 * (1 - 1 / (8 * np.pi)) * np.cos(x) + 10
    return np.log1p(value - _BRANIN_LEAST) / np.log1p(_BRANIN_MOST - _BRANIN_LEAST)


FAMILIES = {"hartmann": hartmann, "branin": branin, "deceptive": deceptive}
