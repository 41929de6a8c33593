"""On a CUDA device; skipped elsewhere."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch

from benchmarks.training.bare import Stub, bare, ours
from trainer import loop, train

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]
IMAGES = {"rotation": 10, "crop_padding": 1, "erasing": 0.5, "cutmix": 1.0, "dropout": 0.3, "lr": 5e-3}


def reports(config: dict[str, Any], epochs: int = 2, seed: int = 0) -> list[dict[str, float]]:
    trial = Stub(config, epochs, "cuda", seed)
    train(trial)
    return trial.reports


@pytest.mark.parametrize(
    "config",
    [
        {},
        IMAGES,
        {"precision": "bf16"},
        {"precision": "fp16", "clip_norm": 1.0},
        {"compile": True},
        {"averaging": "ema", "loader": "workers"},
        {"model": "resnet", "channels": 8, "depth": 1, "averaging": "swa", "swa_start": 0.5},
        {"data": "diabetes", "model": "mlp", "norm": "none"},
    ],
    ids=lambda config: "-".join(config) or "default",
)
def test_every_way_of_training_works(config: dict[str, Any]) -> None:
    last = reports(config, epochs=4)[-1]
    assert all(math.isfinite(value) for value in last.values())
    assert last["train_loss"] < 1.5
    assert last["peak_memory_mb"] > 0 and last["samples_per_second"] > 0


def test_a_fresh_process_trains_on_a_numbered_device() -> None:
    code = (
        "from benchmarks.training.bare import Stub; import trainer;"
        "t = Stub({'deterministic': True}, 1, 'cuda:0'); trainer.train(t); assert t.reports"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_deterministic_curves_are_equal_to_the_bit() -> None:
    timing = {"samples_per_second", "peak_memory_mb"}
    first, second = (
        [
            {k: v for k, v in row.items() if k not in timing}
            for row in reports({**IMAGES, "deterministic": True})
        ]
        for _ in range(2)
    )
    assert first == second


@pytest.mark.parametrize("config", [{}, IMAGES, {"mixup": 0.2, "cutmix": 1.0, "averaging": "ema"}])
def test_training_waits_for_the_device_once_an_epoch(
    config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    original: Callable[..., Any] = loop.train_epoch

    def strict(*arguments: Any) -> Any:
        torch.cuda.set_sync_debug_mode("error")
        try:
            return original(*arguments)
        finally:
            torch.cuda.set_sync_debug_mode("default")

    monkeypatch.setattr("trainer.stages.train_epoch", strict)
    assert reports(config)


@pytest.mark.parametrize("model", ["mlp", "cnn"])
def test_the_loop_costs_little_beyond_a_hand_written_one(model: str) -> None:
    config = {"model": model, "schedule": "constant"}
    ratios = sorted(ours(config, 30, "cuda") / bare(config, 30, "cuda") for _ in range(5))
    assert ratios[2] < 1.15
