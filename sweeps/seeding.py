"""Every random draw of a sweep comes from (seed, trial number), never from what was drawn before."""

from __future__ import annotations

import numpy as np

_TRAINING = 1  # a key that sets the training's stream apart from those that draw configurations


def derive(seed: int, *keys: int) -> int:
    """A seed in [0, 2**32) that depends on every argument, on how many there are, and on nothing else.

    NumPy's `SeedSequence` hashes its entropy, so neighbouring keys give unrelated streams; its length is part
    of the entropy because trailing zeros are not.
    """
    return int(_sequence(seed, keys).generate_state(1)[0])


def trial_seed(seed: int, number: int) -> int:
    """The seed a training function gets, whatever was drawn for the trial's configuration."""
    return derive(seed, number, 0, _TRAINING)


def generator(seed: int, *keys: int) -> np.random.Generator:
    """A generator seeded as `derive` is."""
    return np.random.Generator(np.random.PCG64(_sequence(seed, keys)))


def _sequence(seed: int, keys: tuple[int, ...]) -> np.random.SeedSequence:
    return np.random.SeedSequence((len(keys), seed, *keys))
