from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from trainer import build_model

INPUTS = torch.randn(6, 1, 8, 8, generator=torch.Generator().manual_seed(0))


def layers(config: dict[str, Any], kind: type) -> list[Any]:
    return [module for module in build_model(config).modules() if isinstance(module, kind)]


@pytest.mark.parametrize("batch_norm", [True, False])
@pytest.mark.parametrize(
    "config",
    [{"pooling": pooling, "depth": depth} for pooling in ("global", "flatten") for depth in (1, 2, 5)]
    + [{"kernel": kernel} for kernel in (1, 5, 7)]
    + [{"model": "mlp", "depth": depth} for depth in (1, 3)],
)
def test_every_model_gives_one_logit_a_class(config: dict[str, Any], batch_norm: bool) -> None:
    assert build_model({**config, "batch_norm": batch_norm})(INPUTS).shape == (6, 10)


def test_cnn_doubles_its_channels_where_it_halves_the_image() -> None:
    config = {"channels": 8, "depth": 4, "kernel": 5}
    convolutions = layers(config, nn.Conv2d)
    assert [(c.in_channels, c.out_channels) for c in convolutions] == [(1, 8), (8, 16), (16, 32), (32, 32)]
    assert all(c.kernel_size == (5, 5) for c in convolutions)
    assert len(layers(config, nn.MaxPool2d)) == 2


@pytest.mark.parametrize(("pooling", "features"), [("flatten", 16 * 2 * 2), ("global", 16)])
def test_cnn_pools_before_its_classifier(pooling: str, features: int) -> None:
    (classifier,) = layers({"channels": 8, "pooling": pooling}, nn.Linear)
    assert classifier.in_features == features


def test_mlp_has_depth_hidden_layers_of_width() -> None:
    sizes = [
        (x.in_features, x.out_features) for x in layers({"model": "mlp", "depth": 3, "width": 20}, nn.Linear)
    ]
    assert sizes == [(64, 20), (20, 20), (20, 20), (20, 10)]


@pytest.mark.parametrize(("model", "kind"), [("cnn", nn.BatchNorm2d), ("mlp", nn.BatchNorm1d)])
def test_batch_norm_replaces_the_bias_before_it(model: str, kind: type) -> None:
    assert len(layers({"model": model, "depth": 2}, kind)) == 2
    assert layers({"model": model, "depth": 2, "batch_norm": False}, kind) == []
    names = dict(build_model({"model": model}).named_parameters())
    with_bias = dict(build_model({"model": model, "batch_norm": False}).named_parameters())
    assert len([name for name in with_bias if "bias" in name]) == 3
    assert len(names) == len(with_bias) + 2  # two scales more; the shifts stand for the biases


@pytest.mark.parametrize("model", ["cnn", "mlp"])
def test_dropout_acts_in_training_only(model: str) -> None:
    network = build_model({"model": model, "dropout": 0.5, "batch_norm": False})
    assert not torch.equal(network.train()(INPUTS), network(INPUTS))
    assert torch.equal(network.eval()(INPUTS), network(INPUTS))


def test_build_model_refuses_what_training_refuses() -> None:
    with pytest.raises(ValueError, match="model must be one of cnn, mlp, found vit"):
        build_model({"model": "vit"})
