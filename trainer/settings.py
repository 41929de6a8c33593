"""The keys of a configuration, their defaults and their rules, one group a part of the training.

Every key can be fixed or searched. What only another branch reads is ignored: ``momentum`` by adam, say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal, Self

from trainer import optimiser_names
from trainer.rules import Maybe, Number, OneOf, OneOfOrTarget, Options, Text, Whole, Wholes, shown

Count = Annotated[int, Whole(1)]
Fraction = Annotated[float, Number(low=0, below=1)]
Share = Annotated[float, Number(low=0, high=1)]
NotNegative = Annotated[float, Number(low=0)]
Positive = Annotated[float, Number(above=0)]
Extra = Annotated[Mapping[str, Any], Options()]

BUNDLED = ("digits", "breast_cancer", "wine", "diabetes")
SOURCES = (
    *BUNDLED,
    *("npz", "csv", "parquet"),
    *("mnist", "fashion_mnist", "cifar10", "cifar100", "image_folder"),
)
INITS = ("default", "kaiming_normal", "kaiming_uniform", "xavier_normal", "xavier_uniform", "orthogonal")
SCHEDULES = (
    *("constant", "step", "multistep", "exponential", "cosine", "one_cycle", "polynomial", "plateau"),
)


@dataclass(frozen=True, kw_only=True)
class DataSettings:
    """Where the rows come from and which of them train, validate and test."""

    data: Annotated[str, OneOfOrTarget(SOURCES)] = "digits"
    data_path: Annotated[str, Text("the path of a file or folder")] = ""  # of npz, csv, mnist, cifar10, ...
    data_options: Extra = field(default_factory=dict)  # keyword arguments for a source of your own
    split_seed: Annotated[int, Whole(0, 2**32 - 1)] = 0
    train_fraction: Annotated[float, Number(above=0, below=1)] = 0.6  # of the rows that no file assigns
    validation_fraction: Annotated[float, Number(above=0, below=1)] = 0.2  # what is left is the test split
    normalise: bool = True  # inputs to mean 0 and deviation 1 over the training split
    task: Literal["auto", "classification", "regression"] = "auto"  # of npz, csv, parquet
    target: Annotated[str, Text("the name of a column")] = ""  # csv, parquet
    split_column: Annotated[str, Text("the name of a column")] = ""  # holds train, validation or test
    drop_columns: Annotated[str, Text("names of columns joined by commas")] = ""  # not to be learnt from
    categorical: Literal["one_hot", "ordinal"] = "one_hot"  # how columns of strings become numbers
    missing: Literal["refuse", "mean", "median", "most_frequent", "zero"] = "refuse"  # empty cells
    image_size: Count = 32  # image_folder: side in pixels that every image is resized to

    def conflicts(self) -> list[str]:
        problems = []
        total = self.train_fraction + self.validation_fraction
        if total > 1 or (total == 1 and self.data in BUNDLED):
            problems.append(
                "train_fraction + validation_fraction must be below 1, the test gets the rest, found "
                f"{self.train_fraction} + {self.validation_fraction}"
            )
        if self.data_options and ":" not in self.data:
            problems.append(_not_your_own("data", self.data, self.data_options))
        if self.data in ("csv", "parquet") and not self.target:
            problems.append(f"data: {self.data} needs target, the column to predict, found none")
        return problems


@dataclass(frozen=True, kw_only=True)
class AugmentSettings:
    """Random changes of the training rows; each is off at 0. All but mixup need images."""

    flip: Share = 0.0  # probability of a left-right mirror image
    crop_padding: Annotated[int, Whole(0)] = 0  # pixels of border to cut the image's size out of
    rotation: Annotated[float, Number(low=0, high=180)] = 0.0  # degrees to either side
    brightness: Share = 0.0  # factor from 1 - x to 1 + x, as the next two
    contrast: Share = 0.0
    saturation: Share = 0.0
    erasing: Share = 0.0  # probability of a blanked rectangle
    mixup: NotNegative = 0.0  # alpha of the Beta distribution that mixes two rows
    cutmix: NotNegative = 0.0  # alpha; with mixup too, a batch gets one of the two by chance

    @property
    def image_keys(self) -> list[str]:
        """The keys in use that need images."""
        names = (
            "flip",
            "crop_padding",
            "rotation",
            "brightness",
            "contrast",
            "saturation",
            "erasing",
            "cutmix",
        )
        return [name for name in names if getattr(self, name)]


@dataclass(frozen=True, kw_only=True)
class ModelSettings:
    """The network."""

    model: Annotated[str, OneOfOrTarget(("cnn", "mlp", "linear", "resnet"))] = "cnn"
    model_options: Extra = field(default_factory=dict)  # keyword arguments for a factory of your own
    depth: Count = 2  # blocks of the cnn, hidden layers of the mlp, blocks a stage of the resnet
    width: Count = 128  # mlp: units of each hidden layer
    widths: Annotated[str | int | None, Maybe(Wholes())] = None  # mlp: units layer by layer, instead
    channels: Count = 16  # cnn, resnet: of the first block; they double where the image is halved
    kernel: Literal[1, 3, 5, 7] = 3  # cnn: side of the convolution in pixels
    pooling: Literal["global", "flatten"] = "flatten"  # cnn: between the blocks and the classifier
    activation: Literal["relu", "leaky_relu", "gelu", "silu", "elu", "tanh"] = "relu"
    norm: Literal["batch", "layer", "none"] = "batch"
    dropout: Fraction = 0.2
    init: Annotated[str, OneOf(INITS)] = "default"  # of the weights; default is torch's own


@dataclass(frozen=True, kw_only=True)
class LossSettings:
    """What is minimised; ``auto`` is cross_entropy for classes and mse for numbers."""

    loss: Literal["auto", "cross_entropy", "bce", "mse", "mae", "huber"] = "auto"
    label_smoothing: Fraction = 0.0
    class_weights: Literal["none", "balanced"] = "none"  # balanced: rare classes count more
    huber_delta: Positive = 1.0


@dataclass(frozen=True, kw_only=True)
class OptimizerSettings:
    """The optimiser: sgd, adagrad, rmsprop, adam, adamw, or any class of torch.optim by its name."""

    optimizer: Annotated[str, Text("the name of a class of torch.optim")] = "adam"
    optimizer_options: Extra = field(default_factory=dict)  # further keyword arguments of that class
    lr: Positive = 1e-3
    weight_decay: NotNegative = 1e-4  # added to the gradient (coupled), or decoupled from it as in adamw
    decoupled: bool = False  # decoupled weight decay for adam, nadam and radam too
    momentum: Annotated[float | None, Maybe(Number(low=0, below=1))] = None  # null: sgd 0.9, rmsprop 0
    nesterov: bool = False  # sgd with momentum
    beta1: Fraction = 0.9  # adam and its kin
    beta2: Fraction = 0.999
    eps: Annotated[float | None, Maybe(Number(above=0))] = None  # null is torch's own
    smoothing: Fraction = 0.99  # rmsprop: of the squared gradients

    def conflicts(self) -> list[str]:
        return optimiser_names.problems(self.optimizer, self.decoupled)


@dataclass(frozen=True, kw_only=True)
class ScheduleSettings:
    """How the learning rate changes; one_cycle and the warm-up by the step, all others by the epoch."""

    schedule: Annotated[str, OneOf(SCHEDULES)] = "plateau"
    warmup_epochs: Annotated[int, Whole(0)] = 0  # of a linear rise, in front of any schedule
    warmup_start: Annotated[float, Number(low=0, high=1)] = 0.01  # share of lr it rises from
    step_epochs: Annotated[int | None, Maybe(Whole(1))] = None  # step: epochs from one fall to the next
    milestones: Annotated[str | int | None, Maybe(Wholes())] = None  # multistep: falls after these epochs
    gamma: Annotated[float, Number(above=0, high=1)] = 0.1  # step, multistep, exponential: factor of a fall
    end_factor: Share = 0.0  # cosine, polynomial: share of lr at the end
    restart_epochs: Annotated[int | None, Maybe(Whole(1))] = None  # cosine: length of the first cycle
    restart_factor: Count = 1  # cosine: each cycle is so many times as long as the one before
    power: Positive = 1.0  # polynomial
    rise: Annotated[float, Number(above=0, below=1)] = 0.3  # one_cycle: share of the steps that rise to lr
    start_divisor: Annotated[float, Number(low=1)] = 25.0  # one_cycle: starts at lr divided by this
    end_divisor: Annotated[float, Number(low=1)] = 1e4  # one_cycle: and ends at its start divided by this
    plateau_patience: Annotated[int, Whole(0)] = 5  # epochs without a better val_loss before the rate falls
    plateau_factor: Annotated[float, Number(above=0, below=1)] = 0.5  # what the rate is then multiplied by
    plateau_threshold: Fraction = 1e-4  # a better val_loss is lower by more than this share

    def conflicts(self) -> list[str]:
        needed = {"step": "step_epochs", "multistep": "milestones"}.get(self.schedule)
        if needed is None or getattr(self, needed) is not None:
            return []
        example = {"step_epochs": "10", "milestones": "30-60"}[needed]
        return [f"schedule: {self.schedule} needs {needed}, found none: give it, e.g. {needed}: {example}"]


@dataclass(frozen=True, kw_only=True)
class LoopSettings:
    """The loop itself: what every recipe's settings must hold, whatever it trains."""

    batch_size: Annotated[int, Whole(2)] = 64  # batch norm needs two samples
    loader: Literal["auto", "memory", "workers"] = "auto"  # memory: all rows on the device
    loader_workers: Annotated[int, Whole(0)] = 2  # processes that read where the rows do not fit
    accumulate: Count = 1  # batches whose gradients make one step
    clip_norm: Annotated[float | None, Maybe(Number(above=0))] = None  # of all gradients together, L2
    clip_value: Annotated[float | None, Maybe(Number(above=0))] = None  # of each gradient's entries
    l1: NotNegative = 0.0  # penalty in the loss: l1 * sum |w|
    l2: NotNegative = 0.0  # penalty in the loss: l2 / 2 * sum w^2
    exempt: bool = False  # no l1, l2 or weight decay for biases and norms
    averaging: Literal["none", "ema", "swa"] = "none"  # weights that are evaluated and kept
    ema_decay: Fraction = 0.999
    swa_start: Fraction = 0.75  # share of the epochs after which the average begins
    precision: Literal["float32", "bf16", "fp16"] = "float32"  # mixed, by autocast
    compile: bool = False  # torch.compile
    channels_last: bool = True  # layout of images: faster convolutions
    tf32: bool = True  # 19-bit products of float32 matrices, on GPUs that have them
    deterministic: bool = False  # bit-equal curves on the same machine, at some cost on GPUs
    evaluate_train: bool = False  # measure the training split after each epoch, in evaluation mode
    top_k: Annotated[int, Whole(2)] = 5  # reported for more classes than this
    mc_dropout: Annotated[int, Whole(0)] = 0  # stochastic passes of the final test; 0 is none

    def plain(self) -> Self:
        """The settings under which a loss is reported: without what only training adds to it."""
        return self


@dataclass(frozen=True, kw_only=True)
class Settings(
    LoopSettings,
    ScheduleSettings,
    OptimizerSettings,
    LossSettings,
    ModelSettings,
    AugmentSettings,
    DataSettings,
):
    """Everything the built-in recipe reads."""

    def plain(self) -> Self:
        return replace(self, label_smoothing=0.0) if self.label_smoothing else self

    def conflicts(self) -> list[str]:
        problems = []
        if self.optimizer.lower() == "sgd" and self.nesterov and self.momentum == 0:
            problems.append("nesterov: true needs a momentum above 0, found momentum: 0")
        if self.label_smoothing and self.loss not in ("auto", "cross_entropy"):
            problems.append(
                f"label_smoothing: {shown(self.label_smoothing)} needs loss: cross_entropy, found {self.loss}"
            )
        if self.model_options and ":" not in self.model:
            problems.append(_not_your_own("model", self.model, self.model_options))
        if self.mc_dropout and self.model == "linear":
            problems.append(
                f"mc_dropout: {self.mc_dropout} needs a model with dropout layers, found model: linear: "
                "use mc_dropout: 0, or cnn, mlp, resnet"
            )
        return problems


def _not_your_own(key: str, value: str, options: Mapping[str, Any]) -> str:
    return (
        f"{key}_options are for a function of your own, found {key}: {value} with {dict(options)}: "
        "leave them out"
    )
