"""The winner's model, built and filled with its weights, in the process of whoever asks for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sweeps.errors import CheckpointError, TargetError, UsageError
from sweeps.paths import RunPaths, TrialPaths, belongs_to_us
from sweeps.results.choices import read_json
from sweeps.results.winner import Winner
from sweeps.trial import Config, load_function

if TYPE_CHECKING:
    from sweeps.export import Weights
    from sweeps.spec import SweepSpec

Builder = Callable[[Any], Any]


def load_model(paths: RunPaths, spec: SweepSpec, winner: Winner, build: Builder | None) -> Any:
    """The winner's model with the weights of its best epoch, on the CPU and in ``eval`` mode.

    Raises:
        CheckpointError: the winner saved no model, or what it saved is damaged.
        UsageError: there is nothing to build the model with, or it does not fit the weights.
    """
    weights = _weights(paths, winner)
    model = (build or _builder(paths, spec))(Config(winner.config))
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise UsageError(
            f"the model that was built must fit the weights of trial {winner.number}, and does not: {error}; "
            "build it from the configuration as the training function does"
        ) from error
    return model.eval()


def _weights(paths: RunPaths, winner: Winner) -> Weights:
    from sweeps.export import best_model, is_whole_model, read_model

    if paths.best.model.exists() and is_whole_model(paths.best.model):
        weights, metadata = read_model(paths.best.model)
        if metadata.get("trial") == str(winner.number):  # else it is an earlier winner's
            return weights
    model = best_model(TrialPaths(winner.directory).best)
    if model.weights is None:
        raise CheckpointError(f"trial {winner.number} has no model to load: {model.note}")
    return model.weights


def _builder(paths: RunPaths, spec: SweepSpec) -> Builder:
    module = spec.train.rpartition(":")[0]
    try:
        return load_function(f"{module}:build_model", _search_path(paths))
    except TargetError as error:
        raise UsageError(
            f"load_model needs a function that builds the untrained model: {error}; "
            f"define build_model(config) beside {spec.train}, or pass build="
        ) from error


def _search_path(paths: RunPaths) -> Sequence[Path]:
    """Where the sweep found its functions, then the working directory: results may have been moved.

    A folder of another user's says nothing of where code is.
    """
    manifest = read_json(paths.manifest) or {}
    recorded = manifest.get("search_path") if belongs_to_us(paths.root) else None
    return [*map(Path, recorded or ()), Path.cwd()]
