"""Well-known sets of small images, whose test split is a file of its own."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from trainer.data.arrays import ArraySource, Part, Parts
from trainer.data.split import Held, hold_out
from trainer.data.statistics import BYTE
from trainer.places import PLACES, file_of, place_of
from trainer.signature import Signature

Images = tuple[NDArray[np.uint8], NDArray[np.uint8]]


class ByteImages(ArraySource):
    """Validation rows come from the training file; the test file is opened by ``for_test`` only."""

    signature: ClassVar[Signature]

    @abstractmethod
    def images(self, split: str) -> Images:
        """Pixels (rows, channels, height, width) and classes (rows,) of the "train" or the "test" file."""

    def read(self, which: Held) -> Parts:
        """The training split and one other."""
        pixels, labels = self._checked("train")
        rows = hold_out(labels, self.settings)
        train = Part(pixels[rows.train], labels[rows.train])
        if which == "validation":
            held = Part(pixels[rows.validation], labels[rows.validation])
        else:
            held = Part(*self._checked("test"))
        return Parts(train, held, rows, self.signature.outputs, BYTE)

    def file(self, *names: str) -> Path:
        """The first of ``names`` that is a file in ``data_path``."""
        return file_of(self.settings, place_of(self.settings), *names)

    def _checked(self, split: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        pixels, labels = self.images(split)
        classes = self.signature.outputs
        if not len(labels):
            raise ValueError(f"data: {self.settings.data} needs images, found none in the {split} files")
        if labels.max() >= classes:
            raise ValueError(
                f"data: {self.settings.data} has the classes 0 to {classes - 1}, found {labels.max()} in the "
                f"{split} files: {PLACES[self.settings.data].source}"
            )
        return pixels, labels.astype(np.int64)
