"""Readers of MNIST's and CIFAR's files, on small files of the same formats."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from trainer.data import load
from trainer.data.source import Source
from trainer.settings import DataSettings

Bytes = NDArray[np.uint8]
MNIST = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def pixels(rows: int, *shape: int) -> Bytes:
    return np.random.RandomState(rows).randint(0, 256, (rows, *shape)).astype(np.uint8)


def idx(array: Bytes, magic: int | None = None) -> bytes:
    return struct.pack(f">{1 + array.ndim}I", magic or 0x800 + array.ndim, *array.shape) + array.tobytes()


def mnist(folder: Path, *, zipped: bool = False, name: str = "mnist") -> Source:
    labels = np.arange(80, dtype=np.uint8) % 10
    arrays = pixels(80, 28, 28), labels, pixels(20, 28, 28), labels[:20]
    for file, array in zip(MNIST, arrays, strict=True):
        if zipped:
            (folder / f"{file}.gz").write_bytes(gzip.compress(idx(array)))
        else:
            (folder / file).write_bytes(idx(array))
    return load(DataSettings(data=name, data_path=str(folder)))


def cifar(folder: Path, classes: int) -> tuple[Source, Bytes, Bytes]:
    """The source, the training records and the test records."""
    labels = np.arange(100, dtype=np.uint8)[:, None] % classes
    head = labels if classes == 10 else np.concatenate([labels // 5, labels], 1)
    train, test = (
        np.concatenate([head, pixels(100, 3072)], 1),
        np.concatenate([head, pixels(101, 3072)[1:]], 1),
    )
    if classes == 10:
        for number, part in enumerate(np.split(train, 5), start=1):
            (folder / f"data_batch_{number}.bin").write_bytes(part.tobytes())
        (folder / "test_batch.bin").write_bytes(test.tobytes())
    else:
        (folder / "train.bin").write_bytes(np.concatenate([train] * 3).tobytes())
        (folder / "test.bin").write_bytes(test.tobytes())
    return load(DataSettings(data=f"cifar{classes}", data_path=str(folder))), train, test


def message(source: Source) -> str:
    with pytest.raises(ValueError) as caught:
        source.for_training()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_idx_files_are_read(tmp_path: Path, zipped: bool, name: str) -> None:
    source = mnist(tmp_path, zipped=zipped, name=name)
    data, held_back = source.for_training(), source.for_test()
    assert source.signature == data.signature and data.signature.input_shape == (1, 28, 28)
    assert data.train.inputs.dtype == torch.uint8 and data.train.targets.dtype == torch.int64
    assert (len(data.train), len(data.validation)) == (60, 20)
    assert torch.bincount(data.validation.targets).tolist() == [2] * 10

    images = pixels(80, 28, 28)
    for split in (data.train, data.validation):
        for image, target in zip(split.inputs, split.targets, strict=True):
            (place,) = np.flatnonzero((images == image.numpy()).all((1, 2)))
            assert place % 10 == target
    np.testing.assert_array_equal(held_back.test.inputs[:, 0], pixels(20, 28, 28))
    np.testing.assert_array_equal(held_back.test.targets, np.arange(20) % 10)
    inputs = data.normaliser(data.train.inputs).double()
    assert inputs.mean().item() == pytest.approx(0, abs=1e-5)
    assert inputs.std(correction=0).item() == pytest.approx(1, abs=1e-5)


def test_training_needs_no_test_file(tmp_path: Path) -> None:
    whole = mnist(tmp_path).for_training()
    (tmp_path / MNIST[2]).unlink()
    (tmp_path / MNIST[3]).write_bytes(b"broken")
    source = load(DataSettings(data="mnist", data_path=str(tmp_path)))
    data = source.for_training()
    assert data.train.inputs.equal(whole.train.inputs) and data.digest == whole.digest
    with pytest.raises(ValueError, match="data: mnist needs the file t10k-images-idx3-ubyte"):
        source.for_test()


HOW = (
    "download train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz and "
    "t10k-labels-idx1-ubyte.gz from http://yann.lecun.com/exdb/mnist/ or a mirror of it"
)
LABELS = np.arange(80, dtype=np.uint8) % 10


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        (
            MNIST[0],
            idx(pixels(80, 28, 28), magic=2049),
            "{path} must begin with the IDX magic number 2051 (bytes in 3 dimensions), found 2049: is it "
            "another file?",
        ),
        (MNIST[0], b"\x00\x00", "{path} must begin with an IDX header of 16 bytes, found 2 in all"),
        (
            MNIST[0],
            idx(pixels(80, 28, 28))[:-5],
            "{path} must hold 62720 bytes of data for its header's 80x28x28, found 62715: download it again",
        ),
        (
            MNIST[0],
            idx(pixels(80, 8, 8)),
            "train-images-idx3-ubyte must hold images of 28x28 pixels, found (8, 8)",
        ),
        (
            MNIST[1],
            idx(LABELS[:70]),
            "train-images-idx3-ubyte and train-labels-idx1-ubyte must have as many entries, found 80 and 70: "
            "download both again",
        ),
        (
            MNIST[1],
            idx(LABELS + 2),
            f"data: mnist has the classes 0 to 9, found 11 in the train files: {HOW}",
        ),
    ],
)
def test_a_wrong_idx_file_gets_one_line(tmp_path: Path, name: str, content: bytes, expected: str) -> None:
    source = mnist(tmp_path)
    (tmp_path / name).write_bytes(content)
    assert message(source) == expected.format(path=tmp_path / name)


def test_a_broken_archive_gets_one_line(tmp_path: Path) -> None:
    source = mnist(tmp_path, zipped=True)
    path = tmp_path / f"{MNIST[0]}.gz"
    path.write_bytes(path.read_bytes()[:1000])
    assert message(source).startswith(f"{path} must be a whole gzip file, found ")
    path.write_bytes(b"plain")
    assert message(source).startswith(f"{path} must be a whole gzip file, found ")


def test_missing_files_are_named_with_where_to_get_them(tmp_path: Path) -> None:
    source = load(DataSettings(data="mnist", data_path=str(tmp_path)))
    assert message(source) == (
        f"data: mnist needs the file {MNIST[0]} or {MNIST[0]}.gz in data_path, found none in "
        f"{tmp_path}: {HOW}"
    )
    source = load(DataSettings(data="cifar10", data_path=str(tmp_path / "none")))
    assert message(source) == (
        f"data_path must be the folder of data_batch_1.bin, found nothing at {tmp_path / 'none'}: unpack the "
        "CIFAR-10 binary version, https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
    )
    source = load(DataSettings(data="cifar100"))
    assert (
        message(source) == "data: cifar100 needs data_path, the path of the folder of train.bin, found none"
    )


@pytest.mark.parametrize("classes", [10, 100])
def test_cifar_files_are_read(tmp_path: Path, classes: int) -> None:
    source, train, test = cifar(tmp_path, classes)
    data, held_back = source.for_training(), source.for_test()
    assert (source.signature.input_shape, source.signature.outputs) == ((3, 32, 32), classes)
    images = train[:, -3072:]
    for split in (data.train, data.validation):
        for image, target in zip(split.inputs[:30], split.targets[:30], strict=True):
            (place,) = np.flatnonzero((images == image.numpy().ravel()).all(1))
            assert train[place, -3073] == target  # of cifar100 the fine label
    np.testing.assert_array_equal(held_back.test.inputs.flatten(1), test[:, -3072:])
    np.testing.assert_array_equal(held_back.test.targets, test[:, -3073])
    assert data.normaliser.mean is not None and data.normaliser.mean.shape == (3, 1, 1)
    inputs = data.normaliser(data.train.inputs).double()
    torch.testing.assert_close(inputs.mean((0, 2, 3)), torch.zeros(3).double(), atol=1e-5, rtol=0)
    torch.testing.assert_close(inputs.std((0, 2, 3)), torch.ones(3).double(), atol=1e-4, rtol=0)


def test_training_needs_no_test_batch(tmp_path: Path) -> None:
    source, _, _ = cifar(tmp_path, 10)
    (tmp_path / "test_batch.bin").unlink()
    source.for_training()
    with pytest.raises(ValueError, match="data: cifar10 needs the file test_batch"):
        source.for_test()


def test_a_wrong_cifar_file_gets_one_line(tmp_path: Path) -> None:
    how = "unpack the CIFAR-10 binary version, https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
    source, _, _ = cifar(tmp_path, 10)
    path = tmp_path / "data_batch_3.bin"
    path.write_bytes(path.read_bytes()[:-1])
    assert message(source) == f"{path} must hold records of 3073 bytes, found 61459 bytes: {how}"
    path.write_bytes(bytes([77] * 3073))
    assert message(source) == f"data: cifar10 has the classes 0 to 9, found 77 in the train files: {how}"
