"""MNIST and Fashion-MNIST: four files in the IDX format, plain or gzipped.

An IDX file is a big-endian header, a magic number and the length of each dimension, 4 bytes each, and then
the bytes of the array. The magic number is 0x00000800 plus the number of dimensions where entries are bytes.
"""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from trainer.data.byte_images import ByteImages, Images
from trainer.signature import KNOWN

SIDE = 28
MAGIC = 0x800


class Mnist(ByteImages):
    """Images of 28x28 pixels in 10 classes, 70,000 in all: MNIST's or Fashion-MNIST's by the folder."""

    signature = KNOWN["mnist"]
    names: ClassVar[dict[str, str]] = {"train": "train", "test": "t10k"}

    def images(self, split: str) -> Images:
        """The training file or the test file."""
        name = self.names[split]
        pixels = self._read(f"{name}-images-idx3-ubyte", 3)
        labels = self._read(f"{name}-labels-idx1-ubyte", 1)
        if len(pixels) != len(labels):
            raise ValueError(
                f"{name}-images-idx3-ubyte and {name}-labels-idx1-ubyte must have as many entries, found "
                f"{len(pixels)} and {len(labels)}: download both again"
            )
        return pixels[:, None], labels

    def _read(self, name: str, dimensions: int) -> NDArray[np.uint8]:
        array = read_idx(self.file(name, f"{name}.gz"), dimensions)
        if array.shape[1:] not in ((), (SIDE, SIDE)):
            raise ValueError(f"{name} must hold images of {SIDE}x{SIDE} pixels, found {array.shape[1:]}")
        return array


def read_idx(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """The array of bytes in an IDX file with so many dimensions.

    Raises ValueError naming the field of the header that is wrong, or the length that the data should have.
    """
    raw = _bytes(path)
    header = 4 * (1 + dimensions)
    if len(raw) < header:
        raise ValueError(f"{path} must begin with an IDX header of {header} bytes, found {len(raw)} in all")
    magic, *shape = (int(number) for number in np.frombuffer(raw, ">u4", 1 + dimensions))
    if magic != MAGIC + dimensions:
        raise ValueError(
            f"{path} must begin with the IDX magic number {MAGIC + dimensions} (bytes in {dimensions} "
            f"dimensions), found {magic}: is it another file?"
        )
    if len(raw) - header != math.prod(shape):
        raise ValueError(
            f"{path} must hold {math.prod(shape)} bytes of data for its header's "
            f"{'x'.join(map(str, shape))}, found {len(raw) - header}: download it again"
        )
    return np.frombuffer(raw, np.uint8, offset=header).reshape(shape)


def _bytes(path: Path) -> bytes:
    if path.suffix != ".gz":
        return path.read_bytes()
    try:
        with gzip.open(path) as file:
            return file.read()
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{path} must be a whole gzip file, found {error}: download it again") from error
