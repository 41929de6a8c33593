"""Handwritten digits from scikit-learn: 1797 real images of 8x8 pixels in 10 classes, no download."""

from __future__ import annotations

import hashlib
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from trainer.data.source import Normaliser, Signature, Split, TestData, TrainingData
from trainer.data.split import Assignment, Rows, stratified
from trainer.settings import DataSettings

Table = tuple[NDArray[np.float32], NDArray[np.int64]]


class Digits:
    """The digits, split 60/20/20 by ``split_seed``, normalised by the training pixels' mean and deviation."""

    signature: ClassVar[Signature] = Signature(input_shape=(1, 8, 8), outputs=10)

    def __init__(self, settings: DataSettings) -> None:
        self._settings = settings

    def for_training(self) -> TrainingData:
        """Training and validation rows."""
        (images, targets), rows = self._read()
        digest = hashlib.sha256(
            np.concatenate([rows.train, rows.validation, rows.test]).astype("<i8").tobytes()
        )
        return TrainingData(
            self.signature,
            _split(images, targets, rows.train),
            _split(images, targets, rows.validation),
            _normaliser(images[rows.train]),
            digest.hexdigest()[:16],
        )

    def for_test(self) -> TestData:
        """Test rows."""
        (images, targets), rows = self._read()
        return TestData(self.signature, _split(images, targets, rows.test), _normaliser(images[rows.train]))

    def _read(self) -> tuple[Table, Assignment]:
        images, targets = read_table()
        return (images, targets), stratified(targets, self._settings.split_seed)


def read_table() -> Table:
    """All images, (1797, 1, 8, 8) float32 from 0 to 16, and their classes, (1797,) int64."""
    from sklearn.datasets import load_digits  # a second's import that building a model does not need

    digits = load_digits()
    return digits.images[:, None].astype(np.float32), digits.target.astype(np.int64)


def _normaliser(images: NDArray[np.float32]) -> Normaliser:
    return Normaliser(1 / 16, torch.tensor(images.mean() / 16), torch.tensor(images.std() / 16))


def _split(images: NDArray[np.float32], targets: NDArray[np.int64], rows: Rows) -> Split:
    return Split(torch.from_numpy(images[rows]), torch.from_numpy(targets[rows]))
