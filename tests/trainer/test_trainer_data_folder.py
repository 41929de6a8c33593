from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image

from trainer.data import load
from trainer.data.source import LazySplit, Source
from trainer.feed import evaluation_feed
from trainer.settings import DataSettings, LoopSettings


def paint(path: Path, colour: tuple[int, ...], mode: str = "RGB", side: int = 12) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, (side, side + 3), colour if len(colour) > 1 else colour[0]).save(path)


def flat(folder: Path, each: int = 10) -> None:
    for row in range(each):
        paint(folder / "green" / f"{row}.png", (0, 200 + row, 0))
        paint(folder / "red" / f"{row}.BMP", (200 + row, 0, 0))


def source(folder: Path, **settings: object) -> Source:
    return load(DataSettings(data="image_folder", data_path=str(folder), image_size=8, **settings))  # type: ignore[arg-type]


def message(found: Source) -> str:
    with pytest.raises(ValueError) as caught:
        found.for_training()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_folders_are_classes_and_images_are_resized(tmp_path: Path) -> None:
    flat(tmp_path)
    found = source(tmp_path)
    data, held_back = found.for_training(), found.for_test()
    assert found.signature == data.signature
    assert (data.signature.input_shape, data.signature.outputs) == ((3, 8, 8), 2)
    assert (len(data.train), len(data.validation), len(held_back.test)) == (12, 4, 4)
    shades = set()
    for split in (data.train, data.validation, held_back.test):
        assert isinstance(split, LazySplit)
        for row in range(len(split)):
            image, target = split.dataset[row]
            assert image.shape == (3, 8, 8) and image.dtype == torch.uint8
            assert target == split.targets[row]
            bright = image[1 - int(target)]  # green is class 0 and the second channel
            assert bright.float().mean() > 190 and image[2].max() < 10
            shades.add((int(target), round(bright.float().mean().item())))
    assert len(shades) == 20  # each image is in one split


def test_statistics_are_the_training_images_own(tmp_path: Path) -> None:
    flat(tmp_path)
    data = source(tmp_path).for_training()
    images = torch.stack([data.train.dataset[row][0] for row in range(len(data.train))])
    inputs = data.normaliser(images).double()
    torch.testing.assert_close(inputs.mean((0, 2, 3)), torch.zeros(3).double(), atol=1e-5, rtol=0)
    assert source(tmp_path, normalise=False).for_training().normaliser.mean is None


def test_modes_of_pixels_become_colours(tmp_path: Path) -> None:
    flat(tmp_path)
    paint(tmp_path / "green" / "grey.png", (90,), "L")
    paint(tmp_path / "green" / "clear.png", (10, 20, 30, 40), "RGBA")
    paint(tmp_path / "green" / "large.jpg", (60, 60, 60), side=500)
    found = source(tmp_path, train_fraction=0.8, validation_fraction=0.1)
    data, held_back = found.for_training(), found.for_test()
    pixels = {
        tuple(split.dataset[row][0][:, 4, 4].tolist())
        for split in (data.train, data.validation, held_back.test)
        for row in range(len(split))
    }
    assert {(90, 90, 90), (10, 20, 30), (60, 60, 60)} <= pixels


def test_no_image_of_the_test_split_is_opened_by_a_training(tmp_path: Path) -> None:
    flat(tmp_path)
    whole, held = source(tmp_path).for_training(), source(tmp_path).for_test().test
    for row in range(len(held)):
        shade = int(held.dataset[row][0].max()) - 200
        name = ("green", f"{shade}.png") if held.targets[row] == 0 else ("red", f"{shade}.BMP")
        tmp_path.joinpath(*name).write_bytes(b"no image")
    data = source(tmp_path).for_training()
    assert data.digest == whole.digest and data.normaliser.mean.equal(whole.normaliser.mean)
    settings = LoopSettings(loader="memory", loader_workers=0)
    for split in (data.train, data.validation):
        assert list(evaluation_feed(split, settings, "cpu", data.normaliser, rows=4))
    with pytest.raises(ValueError, match="found a broken one"):
        list(evaluation_feed(held, settings, "cpu", data.normaliser, rows=4))


def test_the_folders_may_give_the_splits(tmp_path: Path) -> None:
    for split, each in (("train", 6), ("validation", 4), ("test", 3)):
        flat(tmp_path / split, each)
    found = source(tmp_path)
    data, held_back = found.for_training(), found.for_test()
    assert (len(data.train), len(data.validation), len(held_back.test)) == (12, 8, 6)
    for path in (tmp_path / "test").glob("*/*"):
        path.write_bytes(b"no image")
    assert source(tmp_path).for_training().digest == data.digest
    shutil.rmtree(tmp_path / "test")
    source(tmp_path).for_training()
    with pytest.raises(ValueError, match="found no test in"):
        source(tmp_path).for_test()
    (tmp_path / "test" / "red").mkdir(parents=True)
    with pytest.raises(ValueError) as caught:
        source(tmp_path).for_test()
    assert str(caught.value) == (
        f"every split needs images, found none in the classes' folders of {tmp_path / 'test'}"
    )


def test_a_class_that_is_not_trained_on_is_named(tmp_path: Path) -> None:
    for split in ("train", "validation"):
        flat(tmp_path / split, 3)
    paint(tmp_path / "validation" / "blue" / "1.png", (0, 0, 9))
    assert message(source(tmp_path)) == (
        "every class must occur in the training split, found class blue in "
        f"{tmp_path / 'validation'} only: the classes are green, red"
    )


def test_a_wrong_folder_gets_one_line(tmp_path: Path) -> None:
    layout = "one folder of images a class, or train, validation and test with such folders in each"
    assert message(source(tmp_path / "none")) == (
        f"data_path must be a folder of images, found nothing at {tmp_path / 'none'}: it holds {layout}"
    )
    (tmp_path / "green").mkdir()
    assert message(source(tmp_path)) == (
        f"data_path must hold at least 2 classes, as {layout}, found 1 in {tmp_path}"
    )
    paint(tmp_path / "red" / "1.png", (1, 2, 3))
    assert message(source(tmp_path)) == f"every class needs images, found none in {tmp_path / 'green'}"


@pytest.mark.parametrize("workers", [0, 1])
def test_a_broken_image_is_named(tmp_path: Path, workers: int) -> None:
    flat(tmp_path)
    data = source(tmp_path).for_training()
    for path in tmp_path.glob("*/*"):
        path.write_bytes(path.read_bytes()[:20])
    settings = LoopSettings(loader="workers", loader_workers=workers)
    with pytest.raises(ValueError) as caught:
        list(evaluation_feed(data.train, settings, "cpu", data.normaliser, rows=4))
    name = tmp_path / "green"
    assert str(caught.value).startswith(f"{name}/") and str(caught.value).endswith(
        " must be an image that can be read, found a broken one: replace it or take it out"
    )
    assert message(source(tmp_path)).endswith("found a broken one: replace it or take it out")
