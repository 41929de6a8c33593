"""Every random draw of a sweep comes from (seed, trial number), never from what was drawn before."""

from __future__ import annotations

import numpy as np


def derive(seed: int, *keys: int) -> int:
    """A seed in [0, 2**32) that depends on every argument and on nothing else.

    NumPy's `SeedSequence` hashes its entropy, so neighbouring keys give unrelated streams.
    """
    return int(np.random.SeedSequence((seed, *keys)).generate_state(1)[0])


def trial_seed(seed: int, number: int) -> int:
    """The seed a training function gets, whatever was drawn for the trial's configuration."""
    return derive(seed, number, 1)


def generator(seed: int, *keys: int) -> np.random.Generator:
    """A generator seeded as `derive` is."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence((seed, *keys))))
