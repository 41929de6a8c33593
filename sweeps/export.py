"""The release of a winner, run in a worker: its model as safetensors, then the one test.

torch is imported here and not at the top, so that the driver can name this module without loading it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sweeps.errors import CheckpointError
from sweeps.messages import TrialSpec
from sweeps.paths import BestPaths, RunPaths, TrialPaths, replace_file
from sweeps.trial.checkpoint import Checkpoint
from sweeps.trial.outcome import test_result
from sweeps.trial.rng import seed_everything
from sweeps.trial.trial import Trial

if TYPE_CHECKING:
    import torch

    from sweeps.engines.base import Job

Weights = dict[str, "torch.Tensor"]
_UNFOLDED = 2**30  # bytes
_COMPILED = "_orig_mod."  # torch.compile puts this before every name of the module it wraps


@dataclass(frozen=True, slots=True)
class BestModel:
    """The model in a trial's ``best.pt``: its weights and epoch, or ``note`` saying why there is none."""

    weights: Weights | None = None
    epoch: int | None = None
    note: str | None = None


def release(job: Job, function: Callable[[Trial], Any] | None, device: str = "cpu") -> dict[str, Any]:
    """Write the formats of ``job.export`` into ``job.bundle``, then call the test ``function``, if any.

    Returns JSON data: ``export``, the names of the files written; ``note``, why the model is not among them,
    or None; ``test``, what the function returned, or None.

    Raises:
        CheckpointError: ``best.pt`` is damaged.
        TrialError: the function returned anything but numbers by name, and JSON data besides.
    """
    written, note = export_model(job.spec, job.bundle, job.export)
    test = None if function is None else run_test(function, job.spec, device)
    return {"export": written, "note": note, "test": test}


def export_model(spec: TrialSpec, bundle: Path, formats: tuple[str, ...]) -> tuple[list[str], str | None]:
    """Write ``model.safetensors`` if ``formats`` asks for it; returns (names of files written, note)."""
    if "safetensors" not in formats:
        return [], None
    model = best_model(TrialPaths(spec.directory).best)
    if model.weights is None:
        return [], model.note
    metadata = {"trial": spec.number, "epoch": model.epoch, "metric": spec.metric, "goal": spec.goal}
    target = BestPaths(bundle).model
    write_model(target, model.weights, {"sweep": spec.directory.parent.parent.name, **metadata})
    return [target.name], None


def run_test(function: Callable[[Trial], Any], spec: TrialSpec, device: str) -> dict[str, Any]:
    """Call the test function with a seeded trial that can restore and log, but neither train nor report.

    Returns JSON data. Raises TrialError as `test_result` does.
    """
    seed_everything(spec.seed, device)
    return test_result(function(Trial(spec, None, device)))


def best_model(checkpoint: Path) -> BestModel:
    """The weights of the object called ``model``, else of the only one that is a module.

    Raises:
        CheckpointError: the file is damaged.
    """
    if not checkpoint.exists():
        edited = RunPaths(checkpoint.parent.parent.parent).was_edited()
        removed = "; or `keep` removed it while others, now outside of the edited space, were better"
        note = "the trial saved no checkpoint: pass the model to trial.epochs(model=...)"
        return BestModel(note=note + (removed if edited else ""))
    state = Checkpoint(checkpoint).load()
    if not isinstance(state.get("objects"), dict) or type(state.get("epoch")) is not int:
        raise CheckpointError(f"{checkpoint} must hold what `trial.epochs` saves, and holds something else")
    modules = {name: value for name, value in state["objects"].items() if _is_module_state(value)}
    name = "model" if "model" in modules or len(modules) != 1 else next(iter(modules))
    if name not in modules:
        held = ", ".join(modules) or "none among " + ", ".join(state["objects"])
        return BestModel(
            note="exactly one object of the checkpoint, or the one called model, must have a state_dict of "
            f"tensors, as an nn.Module has; found {held}: pass the one to export as trial.epochs(model=...)"
        )
    _refuse_unfolding(modules[name], checkpoint)
    return BestModel(_weights(modules[name]), state["epoch"])


def write_model(target: Path, weights: Weights, metadata: Mapping[str, object]) -> None:
    """Write ``weights`` as safetensors, all at once or not at all."""
    from safetensors.torch import save

    replace_file(target, save(weights, {"format": "pt", **{k: str(v) for k, v in metadata.items()}}))


def is_whole_model(path: Path) -> bool:
    """Whether the file, if there is one, has the header and the length that safetensors gave it."""
    from safetensors import SafetensorError, safe_open

    if not path.exists():
        return True
    try:
        with safe_open(path, framework="pt"):
            return True
    except SafetensorError:
        return False


def read_model(path: Path) -> tuple[Weights, dict[str, str]]:
    """(weights, metadata) of a file that `write_model` wrote.

    Raises:
        CheckpointError: the file is damaged.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} must be a whole safetensors file, and is damaged: {error}") from error


def same_weights(one: Weights, other: Weights) -> bool:
    """Whether both hold the same tensors under the same names, bit for bit."""
    return one.keys() == other.keys() and all(_same(one[name], other[name]) for name in one)


def _same(one: torch.Tensor, other: torch.Tensor) -> bool:
    import torch

    if (one.shape, one.dtype) != (other.shape, other.dtype):
        return False
    bits = (tensor.contiguous().flatten().view(torch.uint8) for tensor in (one, other))
    return torch.equal(*bits)


def _is_module_state(state: Any) -> bool:
    import torch

    return (
        isinstance(state, dict)
        and any(isinstance(value, torch.Tensor) for value in state.values())
        and all(
            isinstance(value, torch.Tensor) or str(name).endswith("_extra_state")
            for name, value in state.items()
        )
    )


def _refuse_unfolding(state: Mapping[str, Any], checkpoint: Path) -> None:
    """A tensor may repeat what it stores; one number that stands for terabytes is nobody's model."""
    import torch

    for name, value in state.items():
        if isinstance(value, torch.Tensor) and value.nbytes > value.untyped_storage().nbytes() + _UNFOLDED:
            raise CheckpointError(
                f"{checkpoint}: a tensor must hold its values, 1 GiB of repeated ones aside, and {name} "
                f"would unfold to {value.nbytes:,} bytes"
            )


def _weights(state: Mapping[str, Any]) -> Weights:
    """Tensors only, each with memory of its own: safetensors refuses tied weights and views."""
    import torch

    return {
        name.removeprefix(_COMPILED): value.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, value in state.items()
        if isinstance(value, torch.Tensor)
    }
