"""Whether a configuration suits its data: what can be known only when both are."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Collection
from typing import Any

from trainer.places import PLACES, place_of
from trainer.settings import DataSettings, Settings
from trainer.signature import KNOWN, Signature
from trainer.targets import check_options, load

SPLIT_KEYS = (
    "data",
    "data_path",
    "split_seed",
    "train_fraction",
    "validation_fraction",
    "split_column",
    "target",
)


def check_beforehand(settings: Settings) -> None:
    """`check`, whatever has to be read for it; and whether the files and the user's parts are there.

    Tables are read, once for all configurations of a space. Images are only looked for.
    """
    if settings.data in PLACES:
        place_of(settings)
    found = KNOWN.get(settings.data) or _read(json.dumps(_of_data(settings), sort_keys=True, default=str))
    if isinstance(found, str):
        raise ValueError(found)
    check(settings, found)
    if ":" in settings.model:
        factory = load("model", settings.model)
        check_options("model", settings.model, factory, (found,), settings.model_options)


def check_searched(keys: Collection[str]) -> None:
    """Which rows train, validate and test: trials that answer that differently cannot be compared."""
    for key in SPLIT_KEYS:
        if key in keys:
            raise ValueError(
                f"{key} decides which rows train, validate and test, and must not be searched, since what "
                "one trial is tested on would train another: set it under fixed"
            )


def check_alone(world_size: int) -> None:
    """``world_size``: the processes that train one trial together."""
    if world_size > 1:
        raise ValueError(
            f"the built-in training function trains a trial in one process, found {world_size}: leave out "
            "distributed, or write a training function with DistributedDataParallel"
        )


def check_length(settings: Settings, epochs: int | None) -> None:
    """``epochs``: the most of one trial, if they are known."""
    if epochs is not None and settings.warmup_epochs >= epochs:
        raise ValueError(too_long_a_warmup(settings.warmup_epochs, epochs))


def too_long_a_warmup(warmup: int, epochs: int) -> str:
    """What is said of a warm-up that leaves no epoch."""
    return (
        f"warmup_epochs must be below the number of epochs, which is {epochs}, found {warmup}: lower it, or "
        "give more epochs"
    )


def _of_data(settings: Settings) -> dict[str, Any]:
    return {field.name: getattr(settings, field.name) for field in dataclasses.fields(DataSettings)}


@functools.cache
def _read(part: str) -> Signature | str:
    """The signature of the data, or what is wrong with it: a space's configurations share it."""
    from trainer.data import load as load_data

    try:
        return load_data(DataSettings(**json.loads(part))).signature
    except ValueError as error:
        return str(error)


def check(settings: Settings, signature: Signature) -> None:
    """Raises ValueError naming the key, its value and what would do."""
    problems = [*_images(settings, signature), *_task(settings, signature)]
    if problems:
        raise ValueError("; ".join(problems))


def _images(settings: Settings, signature: Signature) -> list[str]:
    if signature.is_image:
        if settings.saturation and signature.input_shape[0] != 3:
            channels = signature.input_shape[0]
            found = f"data: {settings.data} has {channels}"
            return [f"saturation needs images of 3 channels, and {found}: leave saturation out"]
        return []
    shape = f"data: {settings.data} has rows of shape {signature.input_shape}"
    problems = [
        f"{key} needs images (channels, height, width), and {shape}: leave {key} out, or set it to 0"
        for key in settings.image_keys
    ]
    if settings.model in ("cnn", "resnet"):
        problems.append(
            f"model: {settings.model} needs images (channels, height, width), and {shape}: "
            "use model: mlp or linear"
        )
    return problems


def _task(settings: Settings, signature: Signature) -> list[str]:
    task, known = (
        signature.task,
        {"classification": ("cross_entropy", "bce"), "regression": ("mse", "mae", "huber")},
    )
    problems = []
    if settings.loss not in ("auto", *known[task]):
        problems.append(
            f"loss must suit the task, found loss: {settings.loss} with data: {settings.data}, which is a "
            f"{task}: use {', '.join(known[task])} or auto"
        )
    if settings.loss == "bce" and signature.outputs != 2:
        problems.append(
            f"loss: bce needs 2 classes, and data: {settings.data} has {signature.outputs}: use cross_entropy"
        )
    if task == "regression":
        problems += [
            f"{key} needs classes, and data: {settings.data} is a regression: leave {key} out"
            for key in ("label_smoothing", "cutmix")
            if getattr(settings, key)
        ]
        if settings.class_weights != "none":
            problems.append(
                f"class_weights: {settings.class_weights} needs classes, and data: {settings.data} is a "
                "regression: use class_weights: none"
            )
    return problems
