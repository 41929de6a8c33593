"""Observations, in columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sweeps.surrogate.kernel import Array, expected


@dataclass(frozen=True, slots=True)
class Points:
    """``n`` observations: trials' numbers (n,), features (n, columns), times (n,) in [0, 1], values (n,), and
    what each earlier sweep makes of them (n, sweeps), where there is any.
    """

    trials: NDArray[np.int_]
    features: Array
    times: Array
    values: Array
    trends: Array | None = None

    @property
    def expected(self) -> Array:
        """What is thought of the values before any is seen."""
        return np.zeros(len(self.times)) if self.trends is None else expected(self.trends)
