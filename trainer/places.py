"""Where the files of a source lie, and how to get them; said without reading any, or importing torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from trainer.settings import DataSettings

IMAGE_LAYOUT = "one folder of images a class, or train, validation and test with such folders in each"
_IDX = (
    "train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz and "
    "t10k-labels-idx1-ubyte.gz"
)
_CIFAR = "https://www.cs.toronto.edu/~kriz"


@dataclass(frozen=True)
class Place:
    """What ``data_path`` must name; ``source`` says how to get it."""

    what: str
    folder: bool = False
    source: str = ""
    files: tuple[str, ...] = ()  # of which the folder must hold one


PLACES: Mapping[str, Place] = {
    "npz": Place("a .npz file"),
    "csv": Place("a csv file"),
    "parquet": Place("a parquet file"),
    "mnist": Place(
        "the folder of train-images-idx3-ubyte",
        True,
        f"download {_IDX} from http://yann.lecun.com/exdb/mnist/ or a mirror of it",
        ("train-images-idx3-ubyte", "train-images-idx3-ubyte.gz"),
    ),
    "fashion_mnist": Place(
        "the folder of train-images-idx3-ubyte",
        True,
        f"download {_IDX} from https://github.com/zalandoresearch/fashion-mnist",
        ("train-images-idx3-ubyte", "train-images-idx3-ubyte.gz"),
    ),
    "cifar10": Place(
        "the folder of data_batch_1.bin",
        True,
        f"unpack the CIFAR-10 binary version, {_CIFAR}/cifar-10-binary.tar.gz",
        ("data_batch_1.bin",),
    ),
    "cifar100": Place(
        "the folder of train.bin",
        True,
        f"unpack the CIFAR-100 binary version, {_CIFAR}/cifar-100-binary.tar.gz",
        ("train.bin",),
    ),
    "image_folder": Place("a folder of images", True, f"it holds {IMAGE_LAYOUT}"),
}


def place_of(settings: DataSettings) -> Path:
    """``data_path`` of a source of `PLACES`; raises ValueError unless it is there, a file or a folder."""
    place = PLACES[settings.data]
    if not settings.data_path:
        raise ValueError(f"data: {settings.data} needs data_path, the path of {place.what}, found none")
    path = Path(settings.data_path).expanduser()
    if not (path.is_dir() if place.folder else path.is_file()):
        found = "a folder" if path.is_dir() else "a file" if path.is_file() else "nothing"
        hint = f": {place.source}" if place.source else ""
        raise ValueError(f"data_path must be {place.what}, found {found} at {path.absolute()}{hint}")
    if place.files:
        file_of(settings, path, *place.files)
    return path


def file_of(settings: DataSettings, folder: Path, *names: str) -> Path:
    """The first of ``names`` that is a file in ``folder``; raises ValueError if none is."""
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise ValueError(
        f"data: {settings.data} needs the file {' or '.join(names)} in data_path, found none in "
        f"{folder.absolute()}: {PLACES[settings.data].source}"
    )
