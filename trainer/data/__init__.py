"""Data sources, chosen by ``data:``; the test split leaves a source by ``for_test`` only."""

from __future__ import annotations

from collections.abc import Callable

from trainer.data.bundled import BreastCancer, Diabetes, Digits, Wine
from trainer.data.cifar import Cifar10, Cifar100
from trainer.data.frames import Csv, Parquet
from trainer.data.idx import Mnist
from trainer.data.image_folder import ImageFolder
from trainer.data.npz import Npz
from trainer.data.own import own
from trainer.data.source import Source
from trainer.settings import DataSettings

__all__ = ["SOURCES", "load"]

SOURCES: dict[str, Callable[[DataSettings], Source]] = {
    "digits": Digits,
    "breast_cancer": BreastCancer,
    "wine": Wine,
    "diabetes": Diabetes,
    "npz": Npz,
    "csv": Csv,
    "parquet": Parquet,
    "mnist": Mnist,
    "fashion_mnist": Mnist,
    "cifar10": Cifar10,
    "cifar100": Cifar100,
    "image_folder": ImageFolder,
}


def load(settings: DataSettings) -> Source:
    """The source ``settings.data`` names, or that a function of the user's own returns.

    Rows are read when they are asked for. Raises ValueError for a function that cannot be found; the sources
    raise it for files that are missing or wrong.
    """
    return SOURCES.get(settings.data, own)(settings)
