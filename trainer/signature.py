"""What a model must know of its data; of some sources that is known without reading them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Task = Literal["classification", "regression"]


@dataclass(frozen=True)
class Signature:
    """What a model must know of its data.

    Attributes:
        input_shape: of one input, e.g. (1, 8, 8) for an image (channels, height, width), (30,) for a row.
        outputs: the number of classes, or of numbers to predict.
        task: classification targets are int64 of shape (samples,), regression targets float32 of shape
            (samples, outputs).
        target_scale: regression: what a deviation of 1 of the targets stands for in their own unit.
        target_mean: regression: the training targets' mean in their own unit, one an output.
        classes: the names of the classes in the order of their numbers, where they have any.
        columns: the names of the inputs' columns, where they have any.
    """

    input_shape: tuple[int, ...]
    outputs: int
    task: Task = "classification"
    target_scale: float = 1.0
    target_mean: tuple[float, ...] = ()
    classes: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()

    @property
    def is_image(self) -> bool:
        return len(self.input_shape) == 3


# Diabetes' target_scale and target_mean depend on the split; nothing that is checked beforehand does.
KNOWN: Mapping[str, Signature] = {
    "digits": Signature((1, 8, 8), 10),
    "breast_cancer": Signature((30,), 2),
    "wine": Signature((13,), 3),
    "diabetes": Signature((10,), 1, "regression"),
    "mnist": Signature((1, 28, 28), 10),
    "fashion_mnist": Signature((1, 28, 28), 10),
    "cifar10": Signature((3, 32, 32), 10),
    "cifar100": Signature((3, 32, 32), 100),
}
