from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.func import functional_call, stack_module_state, vmap

from trainer import build_model
from trainer.models import build
from trainer.rules import parse
from trainer.settings import Settings
from trainer.signature import Signature

DIGITS = Signature((1, 8, 8), 10)
PHOTOS = Signature((3, 9, 6), 4)
ROWS = Signature((13,), 3)
NUMBERS = Signature((10,), 2, "regression")

OWN = """
import torch
from torch import nn

def factory(signature, width=5, outputs=None):
    units = signature.input_shape[0]
    last = nn.Linear(width, outputs or signature.outputs)
    return nn.Sequential(nn.Linear(units, width), nn.BatchNorm1d(width), last)

def frozen(signature):
    model = factory(signature)
    model[1].eval()
    return model

def too_wide(signature):
    return nn.Linear(99, signature.outputs)

class Pair(nn.Module):
    def __init__(self, signature):
        super().__init__()

    def forward(self, inputs):
        return inputs, inputs

def flat(signature):
    return nn.Sequential(nn.Linear(13, 3), nn.Flatten(0))

def lazy(signature):
    return nn.LazyLinear(signature.outputs)

def nothing(signature):
    return None

number = 3
"""


def model_of(config: dict[str, Any], signature: Signature, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return build(parse(config, Settings), signature)


def inputs_of(signature: Signature, rows: int = 6) -> torch.Tensor:
    return torch.randn(rows, *signature.input_shape, generator=torch.Generator().manual_seed(0))


def layers(model: nn.Module, kind: type) -> list[Any]:
    return [module for module in model.modules() if isinstance(module, kind)]


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_models.py").write_text(OWN)
    (tmp_path / "own_broken.py").write_text("import no_such_library\n")
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.parametrize("norm", ["batch", "layer", "none"])
@pytest.mark.parametrize(
    ("config", "signature"),
    [
        ({"pooling": pooling, "depth": depth}, DIGITS)
        for pooling in ("global", "flatten")
        for depth in (1, 2, 5)
    ]
    + [({"kernel": kernel}, PHOTOS) for kernel in (1, 5, 7)]
    + [({"model": "resnet", "depth": depth}, s) for depth in (1, 2) for s in (DIGITS, PHOTOS)]
    + [({"model": model}, s) for model in ("mlp", "linear") for s in (DIGITS, ROWS, NUMBERS)]
    + [({"model": "resnet", "channels": 4}, Signature((2, 1, 1), 2))],
)
def test_every_model_gives_its_outputs_and_learns(
    config: dict[str, Any], signature: Signature, norm: str
) -> None:
    model = model_of({**config, "norm": norm}, signature)
    output = model(inputs_of(signature))
    assert output.shape == (6, signature.outputs)
    output.square().sum().backward()
    assert all(p.grad is not None for p in model.parameters())


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "gelu", "silu", "elu", "tanh"])
@pytest.mark.parametrize("model", ["cnn", "mlp", "resnet"])
def test_activations_by_name(model: str, activation: str) -> None:
    network = model_of({"model": model, "activation": activation, "channels": 4}, DIGITS)
    named = {type(module).__name__.lower() for module in network.modules()}
    assert activation.replace("_", "") in named
    assert ("relu" in named) == (activation == "relu")


@pytest.mark.parametrize("model", ["cnn", "mlp", "linear", "resnet"])
def test_bce_needs_a_single_logit(model: str) -> None:
    network = model_of({"model": model, "loss": "bce"}, Signature((1, 8, 8), 2))
    assert network(inputs_of(DIGITS)).shape == (6, 1)


def test_linear_is_one_affine_map() -> None:
    model = model_of({"model": "linear"}, ROWS)
    weight, bias = model.parameters()
    inputs = inputs_of(ROWS)
    assert torch.allclose(model(inputs), inputs @ weight.T + bias)


def test_cnn_doubles_its_channels_where_it_halves_the_image() -> None:
    model = model_of({"channels": 8, "depth": 4, "kernel": 5}, DIGITS)
    convolutions = layers(model, nn.Conv2d)
    assert [(c.in_channels, c.out_channels) for c in convolutions] == [(1, 8), (8, 16), (16, 32), (32, 32)]
    assert all(c.kernel_size == (5, 5) for c in convolutions)
    assert len(layers(model, nn.MaxPool2d)) == 2


@pytest.mark.parametrize(("pooling", "features"), [("flatten", 16 * 2 * 2), ("global", 16)])
def test_cnn_pools_before_its_classifier(pooling: str, features: int) -> None:
    (classifier,) = layers(model_of({"channels": 8, "pooling": pooling}, DIGITS), nn.Linear)
    assert classifier.in_features == features


@pytest.mark.parametrize(
    ("config", "widths"),
    [
        ({"depth": 3, "width": 20}, [20, 20, 20]),
        ({"depth": 3, "width": 20, "widths": "32-16"}, [32, 16]),
        ({"widths": 7}, [7]),
    ],
)
def test_mlp_has_hidden_layers_of_the_widths_asked_for(config: dict[str, Any], widths: list[int]) -> None:
    sizes = [
        (x.in_features, x.out_features)
        for x in layers(model_of({"model": "mlp", **config}, DIGITS), nn.Linear)
    ]
    assert sizes == list(zip([64, *widths], [*widths, 10], strict=True))


@pytest.mark.parametrize(("size", "sides"), [(8, [8, 4, 2]), (9, [9, 5, 3]), (2, [2, 2, 2]), (3, [3, 2, 2])])
def test_resnet_halves_the_image_from_stage_to_stage(size: int, sides: list[int]) -> None:
    model = model_of({"model": "resnet", "depth": 2, "channels": 4}, Signature((1, size, size), 3))
    shapes = []
    for module in list(model)[1:7]:  # type: ignore[call-overload]  # a Sequential: stem, then 3 x 2 blocks
        module.register_forward_hook(lambda module, args, output: shapes.append(tuple(output.shape[1:])))
    model(torch.randn(2, 1, size, size))
    expected = [(4 * 2**stage, side, side) for stage, side in enumerate(sides)]
    assert shapes == [shape for shape in expected for _ in range(2)]


def test_a_residual_block_passes_its_input_on() -> None:
    model = model_of({"model": "resnet", "depth": 2, "channels": 4}, DIGITS)
    block = model[2]  # type: ignore[index]  # the second of the first stage, whose shape stays
    nn.init.zeros_(block.branch[-1].weight)
    inputs = torch.randn(3, 4, 8, 8)
    assert torch.equal(block(inputs), inputs)


@pytest.mark.parametrize("norm", ["batch", "layer", "none"])
def test_a_deep_resnet_learns_with_any_norm(norm: str) -> None:
    config = {
        "model": "resnet",
        "depth": 3,
        "channels": 4,
        "norm": norm,
        "dropout": 0.0,
        "init": "kaiming_normal",
    }
    model = model_of(config, DIGITS)
    inputs, targets = inputs_of(DIGITS, 20), torch.arange(20) % 10
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    losses = []
    for _ in range(25):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(inputs), targets)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0] and losses[-1] < 1.0


@pytest.mark.parametrize(
    ("model", "norm", "kind"),
    [
        ("cnn", "batch", nn.BatchNorm2d),
        ("cnn", "layer", nn.GroupNorm),
        ("mlp", "batch", nn.BatchNorm1d),
        ("mlp", "layer", nn.LayerNorm),
    ],
)
def test_norms_by_name_and_a_bias_except_before_batch_norm(model: str, norm: str, kind: type) -> None:
    network = model_of({"model": model, "depth": 2, "norm": norm}, DIGITS)
    assert len(layers(network, kind)) == 2
    assert layers(model_of({"model": model, "norm": "none"}, DIGITS), kind) == []
    hidden = layers(network, nn.Conv2d) or layers(network, nn.Linear)[:-1]
    assert all((layer.bias is None) == (norm == "batch") for layer in hidden)


def test_layer_norm_of_images_is_over_channels_and_places() -> None:
    (norm, _) = layers(model_of({"norm": "layer"}, DIGITS), nn.GroupNorm)
    images = 5 + 3 * torch.randn(4, norm.num_channels, 8, 8)
    normalised = norm(images)
    assert torch.allclose(normalised.mean((1, 2, 3)), torch.zeros(4), atol=1e-5)
    assert torch.allclose(normalised.var((1, 2, 3), correction=0), torch.ones(4), atol=1e-4)


@pytest.mark.parametrize("model", ["cnn", "mlp", "resnet"])
def test_dropout_acts_in_training_only(model: str) -> None:
    network = model_of({"model": model, "dropout": 0.5, "norm": "none"}, DIGITS)
    inputs = inputs_of(DIGITS)
    assert not torch.equal(network.train()(inputs), network(inputs))
    assert torch.equal(network.eval()(inputs), network(inputs))


@pytest.mark.parametrize("activation", ["relu", "tanh", "leaky_relu", "silu"])
@pytest.mark.parametrize(
    "init", ["kaiming_normal", "kaiming_uniform", "xavier_normal", "xavier_uniform", "orthogonal"]
)
def test_weights_begin_with_the_deviation_of_the_formula(init: str, activation: str) -> None:
    config = {"model": "mlp", "widths": "400-200", "init": init, "activation": activation}
    model = model_of({**config, "norm": "none"}, Signature((300,), 10))
    first, second, _ = layers(model, nn.Linear)
    gain = {"tanh": 5 / 3, "leaky_relu": math.sqrt(2 / (1 + 0.01**2))}.get(activation, math.sqrt(2))
    for layer in (first, second):
        fan_out, fan_in = layer.weight.shape
        expected = {
            "kaiming": gain / math.sqrt(fan_in),
            "xavier": gain * math.sqrt(2 / (fan_in + fan_out)),
            "orthogonal": gain / math.sqrt(max(fan_in, fan_out)),
        }[init.split("_")[0]]
        assert layer.weight.std().item() == pytest.approx(expected, rel=0.02)
        if init.endswith("uniform"):
            assert layer.weight.abs().max().item() == pytest.approx(math.sqrt(3) * expected, rel=0.01)
    if init == "orthogonal":
        rows = second.weight @ second.weight.T / gain**2
        assert torch.allclose(rows, torch.eye(200), atol=1e-5)
    assert all(not layer.bias.any() for layer in layers(model, nn.Linear))


def test_init_draws_from_torchs_generator_and_leaves_norms_alone() -> None:
    config = {"model": "resnet", "channels": 4, "init": "orthogonal"}
    first, same, other = (model_of(config, DIGITS, seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[name], same[name]) for name in first)
    assert not torch.equal(first["0.weight"], other["0.weight"])
    assert all(norm.weight.eq(1).all() for norm in layers(model_of(config, DIGITS), nn.BatchNorm2d))


@pytest.mark.parametrize("norm", ["batch", "layer", "none"])
@pytest.mark.parametrize("model", ["cnn", "mlp", "resnet"])
def test_models_of_one_shape_can_be_computed_together(model: str, norm: str) -> None:
    config = {"model": model, "norm": norm, "channels": 4, "width": 8, "dropout": 0.3}
    models = [model_of(config, DIGITS, seed) for seed in range(3)]
    inputs = inputs_of(DIGITS)
    params, buffers = stack_module_state(models)

    def output(params: Any, buffers: Any) -> torch.Tensor:
        return functional_call(models[0], (params, buffers), (inputs,))

    trained = vmap(output, randomness="different")(params, buffers)
    assert trained.shape == (3, 6, 10) and not torch.equal(trained[0], trained[1])
    if norm == "batch":
        statistics = next(buffers[name] for name in buffers if "running_mean" in name)
        assert not torch.equal(statistics[0], statistics[1])
    for network in models:
        network.eval()
    params, buffers = stack_module_state(models)
    together = vmap(output)(params, buffers)
    assert torch.allclose(together, torch.stack([network(inputs) for network in models]), atol=1e-5)


@pytest.mark.usefixtures("own")
def test_a_model_of_ones_own_is_called_with_the_signature_and_its_options() -> None:
    model = model_of({"model": "own_models:factory", "model_options": {"width": 9}}, ROWS)
    assert [layer.out_features for layer in layers(model, nn.Linear)] == [9, 3]
    assert model.training and int(model[1].num_batches_tracked) == 0  # type: ignore[index]
    frozen = model_of({"model": "own_models:frozen"}, ROWS)
    assert frozen.training and not frozen[1].training  # type: ignore[index]
    (weight, _) = model_of({"model": "own_models:lazy", "init": "orthogonal"}, ROWS).parameters()
    assert torch.allclose(weight @ weight.T, 2 * torch.eye(3), atol=1e-5)


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize(
    ("config", "signature", "message"),
    [
        ({"model": "absent_models:factory"}, ROWS, "found no module absent_models"),
        ({"model": "own_models:absent"}, ROWS, "of the module own_models, found none called absent"),
        ({"model": "own_models:number"}, ROWS, "of the module own_models, found none called number"),
        ({"model": "own_models:nothing"}, ROWS, "must return a torch.nn.Module, found a NoneType"),
        (
            {"model": "own_models:factory", "model_options": {"wdth": 3}},
            ROWS,
            r"model_options must be keyword arguments of own_models:factory.*found \{'wdth': 3\}",
        ),
        (
            {"model": "own_models:factory", "model_options": {"outputs": 5}, "data": "wine"},
            ROWS,
            "must give 3 outputs since data: wine has 3 classes.*found 5 outputs: make its last layer 3 wide",
        ),
        (
            {"model": "own_models:factory", "model_options": {"outputs": 5}},
            NUMBERS,
            "must give 2 outputs since data: digits has 2 numbers to predict.*found 5 outputs",
        ),
        (
            {"model": "own_models:factory", "loss": "bce", "model_options": {"outputs": 2}},
            Signature((30,), 2),
            "must give 1 output, the logit of class 1 that loss: bce needs.*found 2 outputs",
        ),
        ({"model": "own_models:flat"}, ROWS, r"found \(6,\): make its last layer 3 wide"),
        ({"model": "own_models:Pair"}, ROWS, "found tuple: make its last layer 3 wide"),
        (
            {"model": "own_models:too_wide", "data": "wine"},
            ROWS,
            r"must take inputs of shape \(samples, 13\), as data: wine has them, found that it fails",
        ),
    ],
)
def test_what_is_wrong_with_a_model_of_ones_own_is_said_in_a_line(
    config: dict[str, Any], signature: Signature, message: str
) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        model_of(config, signature)
    assert "\n" not in str(caught.value) and str(caught.value).startswith("model")


@pytest.mark.usefixtures("own")
def test_what_a_module_of_ones_own_lacks_is_not_taken_for_the_module() -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_library"):
        model_of({"model": "own_broken:factory"}, ROWS)


def test_build_model_refuses_what_training_refuses() -> None:
    with pytest.raises(ValueError, match="model must be one of cnn, mlp, linear, resnet, or your own"):
        build_model({"model": "vit"})
