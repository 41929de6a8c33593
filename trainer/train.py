"""The shared training function and its final test, in stages: data, model, loss and optimiser, epochs.

torch is imported by the functions, so that importing the package stays cheap.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from trainer.checks import check_alone, check_beforehand, check_length, check_searched
from trainer.rules import parse
from trainer.settings import LoopSettings, Settings
from trainer.trial import Trial

if TYPE_CHECKING:
    from torch import nn

    from trainer.recipe import Recipe

C = TypeVar("C", bound=LoopSettings)


def train(trial: Trial) -> None:
    """Train one configuration with the built-in recipe; see ``fit``."""
    from trainer.recipe import Standard

    fit(Standard(), trial)


def test(trial: Trial) -> dict[str, Any]:
    """Evaluate the best epoch on the test split with the built-in recipe; see ``evaluate_best``."""
    from trainer.recipe import Standard

    return evaluate_best(Standard(), trial)


def fit(recipe: Recipe[C], trial: Trial) -> None:
    """Train one configuration of ``recipe`` and report both splits after every epoch.

    Reports ``train_*`` and ``val_*`` of ``loss`` (the mean of a sample, without label smoothing, class
    weights and penalties, so that configurations compare) and of the task's metrics; ``lr`` (of the epoch's
    last step), ``grad_norm`` (L2, before clipping, the mean of some steps), ``samples_per_second`` (of
    training) and ``peak_memory_mb``. The training figures are taken while the epoch runs, with dropout and
    augmentation on, unless ``evaluate_train`` is set. The test split is never loaded.

    Raises ValueError for a configuration with an unknown key, a bad value or one that does not suit the data,
    and for a trial of several processes.
    """
    from trainer import stages

    check_alone(trial.world_size)
    settings = parse(trial.config, recipe.settings)
    generators = stages.begin(settings, trial.seed, trial.device)

    # Data: split, normalised by the training rows alone, on the device
    data = recipe.data(settings).for_training()
    settings = recipe.resolve(settings, data.signature)
    feeds = stages.feeds(recipe, settings, data, trial.device, generators)

    # Model
    model = stages.model(recipe, settings, data.signature, trial.device, generators)
    trial.record(**stages.facts(recipe, settings, data, model))

    # Loss, optimiser, schedule
    training = stages.training(recipe, settings, model, data, feeds, trial, generators)

    # Epochs: the loop restores, checkpoints and ends; it leaves the best epoch's weights in the model
    for epoch in trial.epochs(**stages.state(training, generators)):
        trained, validated = stages.run_epoch(training, feeds, epoch)
        trial.report(**stages.figures(training, trained, validated, trial.device))
        training.schedule.after_epoch(validated["loss"])


def evaluate_best(recipe: Recipe[C], trial: Trial) -> dict[str, Any]:
    """Evaluate the best epoch on the test split.

    Returns ``loss`` and the task's metrics, ``samples``, for classes ``confusion`` (a row a true class, a
    column a predicted one), ``preprocessing`` (from raw rows to the model's inputs, from its outputs to
    answers), and with ``mc_dropout`` set what the stochastic passes gave.
    """
    from trainer import stages

    settings = parse(trial.config, recipe.settings)
    generators = stages.begin(settings, trial.seed, trial.device)
    data = recipe.data(settings).for_test()
    settings = recipe.resolve(settings, data.signature)
    model = stages.model(recipe, settings, data.signature, trial.device, generators)
    trial.restore_best(model=model)
    return stages.test(recipe, settings, model, data, trial.device)


def untrained(recipe: Recipe[C], config: Mapping[str, Any]) -> nn.Module:
    """The model that ``fit`` builds for ``config``, on the CPU, before it is trained."""
    settings = parse(config, recipe.settings)
    signature = recipe.data(settings).signature
    return recipe.build(recipe.resolve(settings, signature), signature)


def refuse(
    kind: type[LoopSettings],
    config: Mapping[str, Any],
    *,
    searched: Collection[str] = (),
    epochs: int | None = None,
    world_size: int = 1,
    own_data: bool = False,
) -> None:
    """Raises ValueError naming what is wrong with ``config``, before anything is trained.

    Files of tables are read for it, once; images are not. ``searched`` are the keys that differ from trial to
    trial, ``epochs`` the most that one trains, ``world_size`` the processes that train it together.
    ``own_data``: the data does not come from the keys.
    """
    check_alone(world_size)
    check_searched(searched)
    settings = parse(config, kind)
    if isinstance(settings, Settings):
        check_length(settings, epochs)
        if not own_data:
            check_beforehand(settings)


class Functions(NamedTuple):
    """What a search-space YAML and ``sweeps`` look for in a module."""

    train: Callable[[Trial], None]
    test: Callable[[Trial], dict[str, Any]]
    build_model: Callable[[Mapping[str, Any]], nn.Module]
    check_config: Callable[..., None]


def functions(recipe: Recipe[C]) -> Functions:
    """``train, test, build_model, check_config = functions(recipe)`` for a recipe of your own."""
    from trainer.recipe import Standard

    own_data = getattr(type(recipe), "data", None) is not Standard.data
    return Functions(
        functools.partial(fit, recipe),
        functools.partial(evaluate_best, recipe),
        functools.partial(untrained, recipe),
        functools.partial(refuse, recipe.settings, own_data=own_data),
    )
