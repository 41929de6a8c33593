from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample, pad

from trainer.augment import augment_images, mix
from trainer.augment.erasing import sides
from trainer.augment.geometry import rotated
from trainer.augment.mixing import beta
from trainer.batch import Batch
from trainer.rules import parse
from trainer.settings import Settings

EVERYTHING: dict[str, Any] = {
    "flip": 0.5,
    "crop_padding": 2,
    "rotation": 15,
    "brightness": 0.3,
    "contrast": 0.3,
    "saturation": 0.3,
    "erasing": 0.5,
}
EACH = [{key: value} for key, value in EVERYTHING.items()]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def photos(samples: int = 40, channels: int = 3, height: int = 7, width: int = 10) -> Tensor:
    return 0.1 + 0.9 * torch.rand(samples, channels, height, width, generator=generator(9))


def augmented(images: Tensor, config: dict[str, Any], seed: int = 0) -> Tensor:
    batch = Batch(images, torch.arange(len(images)), torch.ones(len(images)))
    before = images.clone()
    changed = augment_images(batch, parse(config, Settings), generator(seed))
    assert torch.equal(images, before)
    assert changed.targets is batch.targets and changed.weights is batch.weights
    return changed.inputs


def mixed(batch: Batch, config: dict[str, Any], classes: int | None, seed: int = 0) -> Batch:
    return mix(batch, parse(config, Settings), generator(seed), classes)


@pytest.mark.parametrize("config", [*EACH, EVERYTHING], ids=lambda config: "-".join(config))
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 7, 10), (4, 5, 3)])
def test_shapes_and_types_stay_and_the_generator_decides(
    config: dict[str, Any], shape: tuple[int, int, int]
) -> None:
    images = photos(16, *shape)
    first, same, other = (augmented(images, config, seed) for seed in (0, 0, 1))
    assert first.shape == images.shape and first.dtype == images.dtype
    assert torch.equal(first, same)
    if config.keys() == {"saturation"} and shape[0] != 3:
        assert torch.equal(first, images)
    else:
        assert not torch.equal(first, other)


def test_nothing_asked_for_is_nothing_done() -> None:
    images = photos()
    assert torch.equal(augmented(images, {}), images)


@pytest.mark.parametrize("config", [EACH[0], EACH[1], EACH[2], EACH[6]], ids=lambda config: "-".join(config))
def test_moving_pixels_keeps_their_range(config: dict[str, Any]) -> None:
    changed = augmented(photos(), config)
    assert changed.min() >= 0 and changed.max() <= 1 + 1e-6


@pytest.mark.parametrize("config", EACH, ids=lambda config: "-".join(config))
def test_every_image_is_changed_in_its_own_way(config: dict[str, Any]) -> None:
    images = photos(1).expand(30, -1, -1, -1).contiguous()
    distinct = {tuple(image.flatten().tolist()) for image in augmented(images, config)}
    assert len(distinct) >= (2 if "flip" in config else 10)


def test_flip_mirrors_left_to_right_as_often_as_asked_for() -> None:
    images = photos(2000, 1, 2, 3)
    assert torch.equal(augmented(images, {"flip": 1.0}), images.flip(3))
    changed = augmented(images, {"flip": 0.3})
    mirrored = (changed == images.flip(3)).flatten(1).all(1)
    assert ((changed == images).flatten(1).all(1) ^ mirrored).all()
    assert mirrored.float().mean().item() == pytest.approx(0.3, abs=4 * math.sqrt(0.21 / 2000))


def test_crop_cuts_everywhere_out_of_the_padded_image() -> None:
    images = photos(400, 2, 4, 6)
    changed = augmented(images, {"crop_padding": 2})
    padded = pad(images, (2, 2, 2, 2))
    places = torch.zeros(5, 5)
    for sample in range(len(images)):
        cuts = padded[sample].unfold(1, 4, 1).unfold(2, 6, 1).permute(1, 2, 0, 3, 4)
        places += (cuts == changed[sample]).flatten(2).all(2)
    assert places.sum() == 400 and (places > 0).all()


@pytest.mark.parametrize(("height", "width"), [(8, 8), (7, 10)])
def test_rotation_turns_counter_clockwise(height: int, width: int) -> None:
    images = photos(3, 2, height, width)
    zero, half = torch.zeros(3), torch.full((3,), math.pi)
    assert torch.allclose(rotated(images, zero), images, atol=1e-5)
    assert torch.allclose(rotated(images, half), images.flip(2, 3), atol=1e-5)
    if height == width:
        assert torch.allclose(rotated(images, half / 2), images.rot90(1, (2, 3)), atol=1e-5)
        return
    # A line across becomes a line down, as long as there is room for it: the proportions stay.
    line = torch.zeros(1, 1, 7, 7)
    line[..., 3, :] = 1
    turned = rotated(pad(line, (2, 2)), torch.full((1,), math.pi / 2))
    assert torch.allclose(turned, pad(line.mT, (2, 2)), atol=1e-5)


def test_rotation_is_torchs_own_where_the_image_is_square() -> None:
    images, angles = photos(5, 3, 9, 9), torch.linspace(-0.4, 0.4, 5)
    cosine, sine, zero = angles.cos(), angles.sin(), torch.zeros(5)
    theta = torch.stack((cosine, -sine, zero, sine, cosine, zero), 1).view(5, 2, 3)
    reference = grid_sample(
        images, affine_grid(theta, [5, 3, 9, 9], align_corners=False), align_corners=False
    )
    assert torch.allclose(rotated(images, angles), reference, atol=1e-4)


def test_rotation_stays_within_its_degrees() -> None:
    images = torch.zeros(300, 1, 41, 41)
    images[..., 20, 40] = 1  # to the right of the centre, by 20 pixels
    changed = augmented(images, {"rotation": 30})
    rows, columns = torch.meshgrid(torch.arange(41.0), torch.arange(41.0), indexing="ij")
    weight = changed.sum((1, 2, 3))
    x = ((columns - 20) * changed[:, 0]).sum((1, 2)) / weight
    y = ((20 - rows) * changed[:, 0]).sum((1, 2)) / weight
    degrees = torch.atan2(y, x).rad2deg()[weight > 0.3]
    assert len(degrees) > 250
    assert degrees.abs().max() < 31 and degrees.max() > 25 and degrees.min() < -25


def test_brightness_multiplies() -> None:
    images = photos(1000)
    ratios = augmented(images, {"brightness": 0.4}) / images
    factor = ratios[:, :1, :1, :1]
    assert torch.allclose(ratios, factor.expand_as(ratios), atol=1e-5)
    assert 0.6 - 1e-6 <= factor.min() < 0.62 and 1.38 < factor.max() <= 1.4 + 1e-6


@pytest.mark.parametrize("channels", [1, 3])
def test_contrast_stretches_about_the_mean_grey(channels: int) -> None:
    images = photos(1000, channels)
    changed = augmented(images, {"contrast": 0.4})
    luma = torch.tensor([0.299, 0.587, 0.114] if channels == 3 else [1.0]).view(-1, 1, 1)
    mean = (images * luma).sum(1).mean((1, 2)).view(-1, 1, 1, 1)
    factor = ((changed - mean).flatten(1).norm(dim=1) / (images - mean).flatten(1).norm(dim=1)).view(
        -1, 1, 1, 1
    )
    assert torch.allclose(changed, mean + factor * (images - mean), atol=1e-5)
    assert 0.6 - 1e-5 <= factor.min() < 0.62 and 1.38 < factor.max() <= 1.4 + 1e-5


def test_saturation_keeps_the_grey_of_every_pixel() -> None:
    images = photos(1000)
    changed = augmented(images, {"saturation": 1.0})
    luma = torch.tensor([0.299, 0.587, 0.114]).view(-1, 1, 1)
    grey = (images * luma).sum(1, keepdim=True)
    assert torch.allclose((changed * luma).sum(1, keepdim=True), grey, atol=1e-5)
    factor = ((changed - grey).flatten(1).norm(dim=1) / (images - grey).flatten(1).norm(dim=1)).view(
        -1, 1, 1, 1
    )
    assert torch.allclose(changed, grey + factor * (images - grey), atol=1e-5)
    assert factor.min() < 0.05 and 1.95 < factor.max() <= 2 + 1e-5


@pytest.mark.parametrize(("height", "width"), [(60, 60), (40, 90), (200, 20)])
def test_erasing_blanks_rectangles_of_the_papers_sizes(height: int, width: int) -> None:
    images = photos(1500, 2, height, width)
    gone = augmented(images, {"erasing": 0.6}) == 0
    assert torch.equal(gone[:, 0], gone[:, 1])
    rows, columns = gone[:, 0].any(2).sum(1), gone[:, 0].any(1).sum(1)
    erased = rows > 0
    assert erased.float().mean().item() == pytest.approx(0.6, abs=4 * math.sqrt(0.24 / 1500))
    area = gone[:, 0].sum((1, 2))
    assert torch.equal(area, rows * columns)
    tall, wide = rows[erased].double(), columns[erased].double()
    low = (tall + 0.5) * (wide + 0.5) / (height * width)
    high = (tall - 0.5) * (wide - 0.5) / (height * width)
    assert low.min() >= 0.02 and high.max() <= 0.33
    assert (tall * wide / (height * width)).mean().item() == pytest.approx(0.175, abs=0.01)
    if height == width:
        assert ((tall + 0.5) / (wide - 0.5)).min() >= 0.3
        assert ((tall - 0.5) / (wide + 0.5)).max() <= 1 / 0.3
        assert (tall > wide).double().mean().item() == pytest.approx(0.5, abs=0.08)


def test_erased_rectangles_lie_anywhere() -> None:
    gone = augmented(photos(1500, 1, 12, 9), {"erasing": 1.0})[:, 0] == 0
    assert gone[:, 0, 0].any() and gone[:, -1, -1].any() and gone[:, 0, -1].any() and gone[:, -1, 0].any()


@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 9), (8, 8)])
def test_erasing_fits_into_the_smallest_images(height: int, width: int) -> None:
    numbers = torch.rand(2, 500, generator=generator())
    tall, wide = sides(height, width, numbers[0], numbers[1])
    assert tall.min() >= 1 and tall.max() <= height and wide.min() >= 1 and wide.max() <= width


def classes_batch(samples: int = 24) -> Batch:
    return Batch(photos(samples), torch.arange(samples) % 5)


def test_mixing_off_returns_the_batch_itself() -> None:
    batch = classes_batch()
    assert mixed(batch, {}, 5) is batch


@pytest.mark.parametrize("config", [{"mixup": 0.4}, {"cutmix": 1.0}, {"mixup": 0.4, "cutmix": 1.0}])
def test_mixed_targets_are_the_shares_of_both_rows(config: dict[str, Any]) -> None:
    batch = classes_batch()
    batch = Batch(batch.inputs, batch.targets, torch.rand(24))
    assert batch.weights is not None
    for seed in range(20):
        result = mixed(batch, config, 5, seed)
        assert torch.equal(result.inputs, mixed(batch, config, 5, seed).inputs)
        assert result.inputs.shape == batch.inputs.shape and result.inputs.dtype == torch.float32
        assert result.targets.shape == (24, 5) and result.targets.dtype == torch.float32
        assert torch.allclose(result.targets.sum(1), torch.ones(24))
        own = result.targets[torch.arange(24), batch.targets]
        assert torch.allclose(own, own[:1].expand(24))
        share = own[0]
        other = batch.inputs.roll(1, 0)
        assert torch.equal(result.targets[torch.arange(24), batch.targets.roll(1)], 1 - own) or share == 1
        # Averaged over the pixels, what is in the image is what the targets say.
        weight = (result.inputs - other) / (batch.inputs - other)
        assert weight.median(0).values.mean().item() == pytest.approx(share.item(), abs=1e-3)
        assert result.weights is not None
        weights = result.weights * result.targets  # of each class, times its share
        expected = share * batch.weights + (1 - share) * batch.weights.roll(1)
        assert torch.allclose(weights.sum(1), expected)
    assert not torch.equal(mixed(batch, config, 5, 0).inputs, mixed(batch, config, 5, 1).inputs)


def test_cutmix_puts_a_rectangle_of_another_image_in() -> None:
    batch = Batch(photos(6, 2, 20, 30), torch.arange(6))
    areas = []
    for seed in range(100):
        result = mixed(batch, {"cutmix": 1.0}, 6, seed)
        own = result.inputs == batch.inputs
        assert torch.equal(result.inputs, torch.where(own, batch.inputs, batch.inputs.roll(1, 0)))
        inside = ~own[0, 0]
        assert (own == own[:1, :1]).all()
        rows, columns = int(inside.any(1).sum()), int(inside.any(0).sum())
        assert int(inside.sum()) == rows * columns
        assert result.targets[0, 0].item() == pytest.approx(1 - rows * columns / 600, abs=1e-6)
        areas.append(rows * columns / 600)
    assert min(areas) < 0.05 and max(areas) > 0.5


def test_cutmix_keeps_the_images_proportions() -> None:
    batch = Batch(photos(2, 1, 20, 30), torch.arange(2))
    # So large an alpha always leaves half: the sides of an uncut rectangle are sqrt(1/2) of the image's.
    cuts = [(mixed(batch, {"cutmix": 1e6}, 2, seed).inputs != batch.inputs)[0, 0] for seed in range(60)]
    assert max(int(cut.any(1).sum()) for cut in cuts) == 14
    assert max(int(cut.any(0).sum()) for cut in cuts) == 21


def test_with_both_set_batches_get_either() -> None:
    batch = classes_batch()
    cut = [
        bool((mixed(batch, {"mixup": 1.0, "cutmix": 1.0}, 5, seed).inputs == batch.inputs).any())
        for seed in range(200)
    ]
    assert 70 < sum(cut) < 130


@pytest.mark.parametrize("shape", [(30, 7), (30, 1, 8, 8)])
def test_mixup_of_numbers_mixes_them_as_the_rows(shape: tuple[int, ...]) -> None:
    rows = torch.randn(shape, generator=generator(3))
    numbers = rows.flatten(1)[:, :2] * 3 + 1  # a linear function of the rows stays one
    result = mixed(Batch(rows, numbers), {"mixup": 0.4}, None)
    assert torch.allclose(result.targets, result.inputs.flatten(1)[:, :2] * 3 + 1, atol=1e-5)
    assert result.targets.shape == numbers.shape and result.weights is None
    assert not torch.equal(result.inputs, rows)


def test_classes_mixed_before_can_be_mixed_again() -> None:
    once = mixed(classes_batch(), {"mixup": 1.0}, 5)
    twice = mixed(once, {"mixup": 1.0}, 5, 1)
    assert torch.allclose(twice.targets.sum(1), torch.ones(24))


@pytest.mark.parametrize("alpha", [0.005, 0.2, 1.0, 4.0])
def test_beta_has_its_moments(alpha: float) -> None:
    source = generator()
    draws = torch.stack([beta(alpha, source, torch.device("cpu")) for _ in range(4000)]).double()
    assert draws.isfinite().all() and draws.min() >= 0 and draws.max() <= 1
    variance = 1 / (4 * (2 * alpha + 1))
    assert draws.mean().item() == pytest.approx(0.5, abs=4.5 * math.sqrt(variance / 4000))
    assert draws.var().item() == pytest.approx(variance, rel=0.1)
