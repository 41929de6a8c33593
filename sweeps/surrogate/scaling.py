"""How losses become what the model works with."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sweeps.surrogate.kernel import Array

_SOFT = 0.3  # the part of the median that is added to losses before their logarithm
_ERROR = 1e-3  # what is added to an error rate, so that none is 0


@dataclass(frozen=True, slots=True)
class Scaling:
    """How a loss becomes what the model works with: of unit scale among the better half, and bounded above.

    The logarithm where all losses are positive, since training divides a loss rather than subtracting from
    it, of the loss and a part of the median: those that all but vanish would lie too far apart from the rest
    for one smooth function. An accuracy in [0, 1] counts as its error. A diverged run is ``clip`` units worse
    than the median and no more, whatever its loss.
    """

    offset: float
    log: bool
    middle: float
    unit: float
    shift: float
    clip: float

    @classmethod
    def of(cls, losses: Array, clip: float) -> Scaling:
        """The scaling that suits ``losses``, shape (n,), n > 0."""
        share = bool((losses >= -1.0).all() and (losses <= 0.0).all() and (losses < 0.0).any())
        offset = 1.0 + _ERROR if share else 0.0
        log = bool((losses + offset > 0.0).all())
        if log:
            offset += _SOFT * float(np.median(losses + offset))
        places = np.log(losses + offset) if log else losses
        middle = float(np.median(places))
        spread = float(np.std(np.minimum(places, middle)))
        unit = spread if spread > 0.0 and math.isfinite(spread) else 1.0
        shift = float(np.minimum((places - middle) / unit, clip).mean())
        return cls(offset, log, middle, unit, shift, clip)

    def covers(self, loss: float) -> bool:
        """Whether ``loss`` has a place of its own: a logarithm has none for what was thought impossible."""
        return not self.log or loss + self.offset > 0.0

    def apply(self, losses: Array) -> Array:
        """``losses``, shape (n,), in units of the model."""
        places = losses + self.offset
        if self.log:
            places = np.log(np.maximum(places, np.finfo(float).tiny))
        scaled: Array = np.minimum((places - self.middle) / self.unit, self.clip) - self.shift
        return scaled
