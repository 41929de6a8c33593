"""Whether a configuration suits its data: what can be known only when both are."""

from __future__ import annotations

from trainer.places import PLACES, place_of
from trainer.settings import Settings
from trainer.signature import KNOWN, Signature


def check_beforehand(settings: Settings) -> None:
    """`check`, as far as the data is known without being read, and whether it is there."""
    if settings.data in KNOWN:
        check(settings, KNOWN[settings.data])
    if settings.data in PLACES:
        place_of(settings)


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
