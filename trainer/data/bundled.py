"""The real data sets that come with scikit-learn: no download, a few hundred to 1797 rows.

Each is split by the fractions and ``split_seed`` of the settings, the classifications stratified.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from trainer.data.arrays import ArraySource, Part, Parts
from trainer.data.split import Held, assign
from trainer.signature import KNOWN

Table = tuple[NDArray[np.float32], NDArray[Any]]


class Bundled(ArraySource):
    """A table of scikit-learn's, for a classification unless a subclass says otherwise."""

    classes: ClassVar[int | None]
    scale: ClassVar[float] = 1.0

    @abstractmethod
    def table(self) -> Table:
        """All inputs and targets."""

    def read(self, which: Held) -> Parts:
        """The training split and one other."""
        inputs, targets = self.table()
        rows = assign(targets, self.settings, stratify=self.classes is not None)
        train, held = (Part(inputs[part], targets[part]) for part in (rows.train, rows.held(which)))
        return Parts(train, held, rows, self.classes, self.scale)


class Digits(Bundled):
    """1797 handwritten digits of 8x8 pixels in 10 classes."""

    signature = KNOWN["digits"]
    classes = 10
    scale = 1 / 16

    def table(self) -> Table:
        """All images, (1797, 1, 8, 8) float32 from 0 to 16, and their classes, (1797,) int64."""
        from sklearn.datasets import load_digits  # a second's import that building a model does not need

        digits = load_digits()
        return digits.images[:, None].astype(np.float32), digits.target.astype(np.int64)


class BreastCancer(Bundled):
    """569 tumours, benign or malignant, by 30 measurements."""

    signature = KNOWN["breast_cancer"]
    classes = 2

    def table(self) -> Table:
        """(569, 30) float32 and (569,) int64."""
        from sklearn.datasets import load_breast_cancer

        return _classes(load_breast_cancer())


class Wine(Bundled):
    """178 wines of three growers, by 13 measurements."""

    signature = KNOWN["wine"]
    classes = 3

    def table(self) -> Table:
        """(178, 13) float32 and (178,) int64."""
        from sklearn.datasets import load_wine

        return _classes(load_wine())


class Diabetes(Bundled):
    """442 patients by 10 measurements; how far the disease has gone a year later is to be predicted."""

    classes = None

    def table(self) -> Table:
        """(442, 10) float32 and (442, 1) float64, the latter from 25 to 346."""
        from sklearn.datasets import load_diabetes

        bunch = load_diabetes()
        return bunch.data.astype(np.float32), bunch.target[:, None].astype(np.float64)


def _classes(bunch: Any) -> Table:
    return bunch.data.astype(np.float32), bunch.target.astype(np.int64)
