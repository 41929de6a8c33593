"""Every ready-made sweep runs, on the default engine, with a budget cut to a few trials."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sweeps
from sweeps.errors import UsageError

FOLDER = Path(__file__).resolve().parent.parent / "search_spaces"
LEAST = {"regression": ("r2", 0.2), "resnet_cifar": ("samples", 20)}  # of the final test, after a few epochs


def cifar(folder: Path) -> Path:
    """CIFAR-10's binary version with a few images a file, each class a colour of its own."""
    random = np.random.default_rng(0)
    folder.mkdir()
    for name in [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]:
        labels = np.arange(20) % 10
        pixels = (
            random.integers(0, 26, (20, 3, 1024)) + labels[:, None, None] * np.array([22, 11, 5])[:, None]
        )
        rows = np.concatenate([labels[:, None], pixels.reshape(20, -1)], axis=1)
        (folder / name).write_bytes(rows.astype(np.uint8).tobytes())
    return folder


def changes(name: str, folder: Path) -> dict[str, Any]:
    """What is cut short for a test."""
    if name != "resnet_cifar":
        return {"budget.trials": 4, "epochs": 4}
    small = {"fixed.precision": "float32", "parameters.channels.values": [4], "parameters.depth.values": [1]}
    batches = {"parameters.batch_size.values": [16], "fixed.validation_fraction": 0.05}
    path = {"fixed.data_path": str(cifar(folder / "cifar")), "enqueue": []}
    return {"budget.trials": 2, "epochs": 2, **small, **batches, **path}


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda p: p.stem)
def test_a_ready_made_sweep_runs_to_a_tested_model(path, tmp_path):
    given = changes(path.stem, tmp_path)
    results = sweeps.run(path, set=given, results=tmp_path)
    assert len(results.trials) == given["budget.trials"]
    assert set(results.trials["state"]) <= {"COMPLETE", "PRUNED"}
    tested = results.best.test
    name, least = LEAST.get(path.stem, ("accuracy", 0.5))
    assert tested[name] >= least
    model = results.load_model()
    assert not model.training
    assert (tmp_path / path.stem / "best" / "model.safetensors").exists()
    assert results.trials["info.parameters"].min() > 0


def test_a_missing_data_folder_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as error:
        sweeps.run(FOLDER / "resnet_cifar.yaml", results=tmp_path)
    assert str(error.value).startswith(
        f"data_path must be the folder of data_batch_1.bin, found nothing at {tmp_path}/data/"
        "cifar-10-batches-bin: unpack the CIFAR-10 binary version, https://"
    )
    assert not (tmp_path / "resnet_cifar").exists()
