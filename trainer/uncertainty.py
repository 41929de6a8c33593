"""What a model is unsure of, by Monte Carlo dropout.

Sources: Gal and Ghahramani 2016, "Dropout as a Bayesian approximation"; Houlsby et al. 2011, "Bayesian active
learning for classification and preference learning", for the mutual information.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid
from torch.nn.modules.dropout import _DropoutNd

from trainer.feed import Feed
from trainer.models.layers import Dropout
from trainer.models.modes import evaluating
from trainer.signature import Signature

PLACES = 6  # decimals of what is told of each sample


def mc_dropout(model: nn.Module, feed: Feed, signature: Signature, passes: int) -> dict[str, Any]:
    """The mean prediction of ``passes`` passes, dropout as in training and all else as in evaluation.

    Returns JSON data. For classes, p_t being the probabilities of pass t and p their mean, in nats:

    - ``accuracy`` and ``loss`` (negative log-likelihood, the mean of a sample) of p;
    - ``predictive_mean``: p, (samples, classes), and ``predictive_entropy``: H(p) of each sample;
    - ``entropy``: the mean of H(p); ``mutual_information``: the mean of H(p) - mean_t H(p_t), which is what
      the passes disagree on, where the rest is what each of them is unsure of.

    For numbers, all in the targets' own unit: ``rmse`` of the mean, and ``predictive_mean`` and
    ``predictive_deviation`` over the passes, (samples, outputs).

    Dropout inside attention or recurrent layers stays off.
    """
    layers = dropouts(model)
    summed_up = _classes if signature.task == "classification" else _numbers
    with torch.inference_mode(), evaluating(model):
        for layer in layers:
            layer.train()
        parts = [
            summed_up((model(batch.inputs).double() for _ in range(passes)), batch.targets, passes)
            for batch in feed
        ]
    samples = {name: torch.cat([part[name] for part in parts]).cpu() for name in parts[0]}
    told = _told_of_classes if signature.task == "classification" else _told_of_numbers
    return {"passes": passes, **told(samples, signature)}


def dropouts(model: nn.Module) -> list[nn.Module]:
    """The dropout layers of ``model``, ours and torch's; those with probability 0 too."""
    return [m for m in model.modules() if isinstance(m, Dropout | _DropoutNd)]


def _classes(outputs: Iterator[Tensor], targets: Tensor, passes: int) -> dict[str, Tensor]:
    """What is known of each sample of a batch after all ``outputs``, logits (samples, classes or 1)."""
    total = log_probabilities(next(outputs))  # log of the sum of the passes' probabilities
    expected = entropy(total)
    for output in outputs:
        logs = log_probabilities(output)
        total = torch.logaddexp(total, logs)
        expected = expected + entropy(logs)
    mean = total - math.log(passes)
    predictive = entropy(mean)
    return {
        "mean": mean.exp(),
        "entropy": predictive,
        "information": predictive - expected / passes,
        "loss": -mean.gather(1, targets.unsqueeze(1)).squeeze(1),
        "correct": (mean.argmax(1) == targets).double(),
    }


def _numbers(outputs: Iterator[Tensor], targets: Tensor, passes: int) -> dict[str, Tensor]:
    """The same for ``outputs`` that are numbers, (samples, outputs)."""
    drawn = torch.stack([output.reshape(targets.shape) for output in outputs])
    mean = drawn.mean(0)
    return {"mean": mean, "deviation": drawn.std(0, correction=0), "error": mean - targets}


def _told_of_classes(samples: dict[str, Tensor], signature: Signature) -> dict[str, Any]:
    return {
        "accuracy": samples["correct"].mean().item(),
        "loss": samples["loss"].mean().item(),
        "entropy": samples["entropy"].mean().item(),
        "mutual_information": samples["information"].mean().item(),
        "predictive_mean": rounded(samples["mean"]),
        "predictive_entropy": rounded(samples["entropy"]),
    }


def _told_of_numbers(samples: dict[str, Tensor], signature: Signature) -> dict[str, Any]:
    scale = signature.target_scale
    middle = samples["mean"].new_tensor(signature.target_mean or (0.0,))
    return {
        "rmse": samples["error"].square().mean().sqrt().item() * scale,
        "predictive_mean": rounded(samples["mean"] * scale + middle),
        "predictive_deviation": rounded(samples["deviation"] * scale),
    }


def log_probabilities(output: Tensor) -> Tensor:
    """(samples, classes), from logits; a single logit is that of class 1 of two."""
    if output.ndim == 1 or output.shape[1] == 1:
        logit = output.reshape(-1, 1)
        return torch.cat((logsigmoid(-logit), logsigmoid(logit)), 1)
    return output.log_softmax(1)


def entropy(logs: Tensor) -> Tensor:
    """In nats, (samples,), of log probabilities (samples, classes)."""
    entropies: Tensor = torch.special.entr(logs.exp()).sum(1)
    return entropies


def rounded(values: Tensor) -> Any:
    """As nested lists of numbers with few decimals."""
    return torch.round(values, decimals=PLACES).tolist()
