"""CIFAR-10 and CIFAR-100 in their binary versions, which need no unpickling.

A record is the label, or for CIFAR-100 the coarse and the fine one, a byte each, and then 3072 bytes of
pixels: 32 rows of 32 pixels, all red ones first, then green, then blue.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from trainer.data.byte_images import ByteImages, Images
from trainer.places import PLACES
from trainer.signature import KNOWN

SIDE = 32
PIXELS = 3 * SIDE * SIDE


class Cifar10(ByteImages):
    """60,000 photographs of 32x32 pixels in 10 classes."""

    signature = KNOWN["cifar10"]
    files: ClassVar[dict[str, list[str]]] = {
        "train": [f"data_batch_{number}.bin" for number in range(1, 6)],
        "test": ["test_batch.bin"],
    }
    labels = 1  # bytes of a record; the last is the class

    def images(self, split: str) -> Images:
        """The training files or the test file."""
        parts = [self._records(name) for name in self.files[split]]
        records = np.concatenate(parts)
        return records[:, self.labels :].reshape(-1, 3, SIDE, SIDE), records[:, self.labels - 1]

    def _records(self, name: str) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
        path = self.file(name)
        raw = np.frombuffer(path.read_bytes(), np.uint8)
        length = self.labels + PIXELS
        if not len(raw) or len(raw) % length:
            source = PLACES[self.settings.data].source
            raise ValueError(f"{path} must hold records of {length} bytes, found {len(raw)} bytes: {source}")
        return raw.reshape(-1, length)


class Cifar100(Cifar10):
    """60,000 photographs of 32x32 pixels in 100 classes, the fine ones."""

    signature = KNOWN["cifar100"]
    files: ClassVar[dict[str, list[str]]] = {"train": ["train.bin"], "test": ["test.bin"]}
    labels = 2
