"""What torch.optim holds, said without importing torch: names, and why some of them cannot be used here."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from trainer.rules import shown

# The usual ones first: messages list them in this order.
CLASSES: Mapping[str, str] = {
    "sgd": "SGD",
    "adagrad": "Adagrad",
    "rmsprop": "RMSprop",
    "adam": "Adam",
    "adamw": "AdamW",
    "nadam": "NAdam",
    "radam": "RAdam",
    "adamax": "Adamax",
    "adadelta": "Adadelta",
    "adafactor": "Adafactor",
    "asgd": "ASGD",
    "rprop": "Rprop",
}
REFUSED: Mapping[str, str] = {
    "lbfgs": "it computes the loss several times a step, and the loop does so once",
    "sparseadam": "it needs sparse gradients, and the models' are dense",
    "muon": "it takes matrices only, and models have biases too",
}
# Adam's kin take it as an option; AdamW and Adafactor know no other weight decay.
DECOUPLED = ("adam", "nadam", "radam", "adamw", "adafactor")


def problems(name: str, decoupled: bool) -> list[str]:
    """What is wrong with ``optimizer: name`` and ``decoupled``, one line each; letters' case is the same."""
    key, choices = name.lower(), ", ".join(CLASSES)
    if key in REFUSED:
        return [f"optimizer: {name} cannot train here, since {REFUSED[key]}: use one of {choices}"]
    if key not in CLASSES:
        near = difflib.get_close_matches(key, CLASSES, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        return [f"optimizer must be one of {choices}, found {shown(name)}{hint}"]
    if decoupled and key not in DECOUPLED:
        known = ", ".join(DECOUPLED)
        return [f"decoupled: true needs an optimizer with that option ({known}), found optimizer: {name}"]
    return []
