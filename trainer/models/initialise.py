"""How weights begin."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn import init
from torch.nn.modules.conv import _ConvNd

from trainer.settings import ModelSettings

SLOPE = 0.01  # of a leaky ReLU's negative side, torch's own


def initialise(model: nn.Module, settings: ModelSettings) -> None:
    """Draw the weights of linear layers and convolutions anew as ``settings.init`` says, biases zero.

    With fan_in the inputs of a unit, fan_out the units an input goes to and g the activation's gain (the
    square root of 2 for ReLU and what resembles it, 5/3 for tanh) a weight's deviation is

        kaiming: g / sqrt(fan_in)                      He et al. 2015, "Delving deep into rectifiers"
        xavier:  g * sqrt(2 / (fan_in + fan_out))      Glorot and Bengio 2010

    from a normal or a uniform distribution; orthogonal: rows or columns orthogonal and of length g (Saxe et
    al. 2014). ``default`` leaves torch's own. Draws from torch's global generator.
    """
    if settings.init == "default":
        return
    draw = scheme(settings)
    for module in model.modules():
        if isinstance(module, nn.Linear | _ConvNd):
            draw(module.weight)
            if module.bias is not None:
                init.zeros_(module.bias)


def scheme(settings: ModelSettings) -> Callable[[Tensor], Tensor]:
    """What fills a weight in place."""
    like = settings.activation if settings.activation in ("leaky_relu", "tanh") else "relu"
    gain = init.calculate_gain(like, SLOPE)
    match settings.init:
        case "kaiming_normal":
            return lambda weight: init.kaiming_normal_(weight, SLOPE, nonlinearity=like)
        case "kaiming_uniform":
            return lambda weight: init.kaiming_uniform_(weight, SLOPE, nonlinearity=like)
        case "xavier_normal":
            return lambda weight: init.xavier_normal_(weight, gain)
        case "xavier_uniform":
            return lambda weight: init.xavier_uniform_(weight, gain)
        case _:
            return lambda weight: init.orthogonal_(weight, gain)
