"""Handwritten digits from scikit-learn: 1797 real images of 8x8 pixels in 10 classes, no download."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from trainer.data.source import Signature, Split, TestData, TrainingData
from trainer.data.split import Assignment, Rows, stratified

Table = tuple[NDArray[np.float32], NDArray[np.int64]]


class Digits:
    """The digits, split 60/20/20 by ``split_seed``, normalised by the training pixels' mean and deviation."""

    signature: ClassVar[Signature] = Signature(input_shape=(1, 8, 8), classes=10)

    def __init__(self, split_seed: int) -> None:
        self._split_seed = split_seed

    def for_training(self) -> TrainingData:
        """Training and validation rows."""
        (images, targets), rows = self._read()
        train, validation = _normalised(images, targets, rows.train, rows.train, rows.validation)
        return TrainingData(self.signature, train, validation)

    def for_test(self) -> TestData:
        """Test rows."""
        (images, targets), rows = self._read()
        (test,) = _normalised(images, targets, rows.train, rows.test)
        return TestData(self.signature, test)

    def _read(self) -> tuple[Table, Assignment]:
        images, targets = read_table()
        return (images, targets), stratified(targets, self._split_seed)


def read_table() -> Table:
    """All images, (1797, 1, 8, 8) float32 from 0 to 16, and their classes, (1797,) int64."""
    from sklearn.datasets import load_digits  # a second's import that building a model does not need

    digits = load_digits()
    return digits.images[:, None].astype(np.float32), digits.target.astype(np.int64)


def _normalised(
    images: NDArray[np.float32], targets: NDArray[np.int64], reference: Rows, *parts: Rows
) -> list[Split]:
    mean, deviation = images[reference].mean(), images[reference].std()
    return [
        Split(torch.from_numpy((images[rows] - mean) / deviation), torch.from_numpy(targets[rows]))
        for rows in parts
    ]
