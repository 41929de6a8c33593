"""Images in folders that are named after their classes, read one by one when a batch wants them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from trainer.data.source import LazySplit, Normaliser, TestData, TrainingData
from trainer.data.split import Held, assign, given
from trainer.data.statistics import BYTE, normaliser
from trainer.places import IMAGE_LAYOUT, place_of
from trainer.rules import shown
from trainer.settings import DataSettings
from trainer.signature import Signature

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".ppm", ".pgm")
SPLITS = ("train", "validation", "test")
SAMPLE = 2048  # images that the normaliser's statistics are taken from
THREADS = 4  # that decode the sample: Pillow releases Python's lock meanwhile

Files = tuple[list[Path], NDArray[np.int64]]


class Images(Dataset[tuple[Tensor, Tensor]]):
    """Images in files: entry i is (3, side, side) uint8 in RGB and the class, a scalar."""

    def __init__(self, paths: list[Path], targets: Tensor, side: int) -> None:
        self._paths, self._targets, self._side = paths, targets, side

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, row: int) -> tuple[Tensor, Tensor]:
        return torch.from_numpy(read_image(self._paths[row], self._side)), self._targets[row]


class ImageFolder:
    """``data_path/<class>/*.png`` split by the fractions, or such folders in train, validation and test.

    Images become RGB of ``image_size`` squared. The statistics of the normaliser come from a seeded sample of
    the training images. No image of the test split is opened by a training.
    """

    def __init__(self, settings: DataSettings) -> None:
        self._settings = settings

    @property
    def signature(self) -> Signature:
        """Read from the folders' names."""
        folder, split = self._folder()
        side = self._settings.image_size
        classes = _classes(folder / "train" if split else folder)
        return Signature((3, side, side), len(classes), classes=tuple(classes))

    def for_training(self) -> TrainingData:
        """Training and validation images."""
        train, held, digest = self._files("validation")
        return TrainingData(
            self.signature, self._lazy(train), self._lazy(held), self._normaliser(train[0]), digest
        )

    def for_test(self) -> TestData:
        """Test images."""
        train, held, _ = self._files("test")
        return TestData(self.signature, self._lazy(held), self._normaliser(train[0]))

    def _folder(self) -> tuple[Path, bool]:
        folder = place_of(self._settings)
        names = {entry.name for entry in folder.iterdir() if entry.is_dir()}
        return folder, {"train", "validation"} <= names <= set(SPLITS)

    def _files(self, which: Held) -> tuple[Files, Files, str]:
        folder, split = self._folder()
        if split:
            classes = _classes(folder / "train")
            train = _files(folder / "train", classes, complete=True)
            held = _files(folder / which, classes)
            return train, held, given(len(train[0]), len(held[0])).digest
        paths, targets = _files(folder, _classes(folder), complete=True)
        rows = assign(targets, self._settings, stratify=True)
        train, held = (
            ([paths[row] for row in part], targets[part]) for part in (rows.train, rows.held(which))
        )
        return train, held, rows.digest

    def _lazy(self, files: Files) -> LazySplit:
        paths, targets = files[0], torch.from_numpy(files[1])
        return LazySplit(Images(paths, targets, self._settings.image_size), targets)

    def _normaliser(self, paths: list[Path]) -> Normaliser:
        if not self._settings.normalise:
            return Normaliser(BYTE)
        random = np.random.RandomState(self._settings.split_seed)
        chosen = [paths[row] for row in random.permutation(len(paths))[:SAMPLE]]
        with ThreadPoolExecutor(THREADS) as threads:
            images = list(threads.map(lambda path: read_image(path, self._settings.image_size), chosen))
        return normaliser(np.stack(images), BYTE, normalise=True)


def read_image(path: Path, side: int) -> NDArray[np.uint8]:
    """An image file as (3, side, side) bytes in RGB; ValueError names a file that holds none."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            image.draft("RGB", (2 * side, 2 * side))  # a large JPEG is decoded at a fraction of its size
            pixels = np.asarray(image.convert("RGB").resize((side, side), Image.Resampling.BILINEAR))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(
            f"{path.absolute()} must be an image that can be read, found a broken one: "
            "replace it or take it out"
        ) from error
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))


def _classes(folder: Path) -> list[str]:
    classes = sorted(entry.name for entry in folder.iterdir() if entry.is_dir())
    if len(classes) < 2:
        raise ValueError(
            f"data_path must hold at least 2 classes, as {IMAGE_LAYOUT}, found {len(classes)} in "
            f"{folder.absolute()}"
        )
    return classes


def _files(folder: Path, classes: list[str], *, complete: bool = False) -> Files:
    if not folder.is_dir():
        raise ValueError(
            f"data_path must hold {IMAGE_LAYOUT}, found no {folder.name} in {folder.parent.absolute()}"
        )
    strange = sorted(e.name for e in folder.iterdir() if e.is_dir() and e.name not in classes)
    if strange:
        raise ValueError(
            f"every class must occur in the training split, found class {shown(strange[0])} in "
            f"{folder.absolute()} only: the classes are {', '.join(classes)}"
        )
    paths: list[Path] = []
    targets: list[int] = []
    for number, name in enumerate(classes):
        found = sorted(path for path in (folder / name).glob("**/*") if path.suffix.lower() in ENDINGS)
        if complete and not found:
            raise ValueError(f"every class needs images, found none in {(folder / name).absolute()}")
        paths += found
        targets += [number] * len(found)
    if not paths:
        raise ValueError(
            f"every split needs images, found none in the classes' folders of {folder.absolute()}"
        )
    return paths, np.array(targets, np.int64)
