"""A model of the user's own, named as package.module:factory."""

from __future__ import annotations

import torch
from torch import nn

from trainer.models.modes import evaluating
from trainer.settings import Settings
from trainer.signature import Signature
from trainer.targets import check_options, load


def own(settings: Settings, signature: Signature, outputs: int) -> nn.Module:
    """What the function ``settings.model`` names returns for the signature and ``model_options``.

    It must map (samples, *input_shape) to (samples, outputs), which is tried with two rows of zeros. Dropout
    of `trainer.models.layers` in it draws from the trial's own generator, torch's from the global one.

    Raises ValueError where there is no such function, its keyword arguments are others, or what it returns is
    no module or gives something else.
    """
    factory = load("model", settings.model)
    check_options("model", settings.model, factory, (signature,), settings.model_options)
    model = factory(signature, **settings.model_options)
    if not isinstance(model, nn.Module):
        raise ValueError(
            f"model: {settings.model} must return a torch.nn.Module, found a {type(model).__name__}"
        )
    _check_outputs(model, settings, signature, outputs)
    return model


def _check_outputs(model: nn.Module, settings: Settings, signature: Signature, outputs: int) -> None:
    rows = torch.zeros(2, *signature.input_shape)
    with torch.no_grad(), evaluating(model):
        try:
            output = model(rows)
        except RuntimeError as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise ValueError(
                f"model: {settings.model} must take inputs of shape {_shape(signature)}, as "
                f"data: {settings.data} has them, found that it fails on two of them: {reason}"
            ) from error
    found = tuple(output.shape) if isinstance(output, torch.Tensor) else type(output).__name__
    if found != (2, outputs):
        raise ValueError(
            f"model: {settings.model} must give {_wanted(settings, signature, outputs)}, a tensor of shape "
            f"(2, {outputs}) for two rows, found {_given(found)}: make its last layer {outputs} wide"
        )


def _wanted(settings: Settings, signature: Signature, outputs: int) -> str:
    if settings.loss == "bce":
        return "1 output, the logit of class 1 that loss: bce needs"
    number = f"{outputs} output{'s' if outputs > 1 else ''}"
    what = "classes" if signature.task == "classification" else "numbers to predict"
    return f"{number} since data: {settings.data} has {outputs} {what}"


def _given(found: tuple[int, ...] | str) -> str:
    return f"{found[1]} outputs" if len(found) == 2 and isinstance(found, tuple) else str(found)


def _shape(signature: Signature) -> str:
    return f"(samples, {', '.join(map(str, signature.input_shape))})"
