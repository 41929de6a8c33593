"""Models built from a configuration."""

from __future__ import annotations

from torch import nn

from trainer.models.cnn import cnn
from trainer.models.initialise import initialise
from trainer.models.mlp import linear, mlp
from trainer.models.own import own
from trainer.models.resnet import resnet
from trainer.settings import Settings
from trainer.signature import Signature

__all__ = ["build"]

BUILDERS = {"cnn": cnn, "mlp": mlp, "linear": linear, "resnet": resnet}


def build(settings: Settings, signature: Signature) -> nn.Module:
    """The untrained model, on the CPU, its weights drawn from torch's global generator.

    It maps inputs (samples, *input_shape) to logits (samples, classes), the single logit of class 1 for loss
    bce, or numbers (samples, outputs). Raises ValueError where a model of the user's own does not.
    """
    outputs = 1 if settings.loss == "bce" else signature.outputs
    model = BUILDERS.get(settings.model, own)(settings, signature, outputs)
    initialise(model, settings)
    return model
