"""Learning curves of small networks on tabular data: LCBench, through the surrogate of YAHPO Gym.

Zimmer, Lindauer, Hutter, "Auto-PyTorch Tabular", IEEE TPAMI 2021; Pfisterer et al., "YAHPO Gym", AutoML 2022.
onnxruntime is imported here and nowhere else.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.search.space import Columns, Space

EPOCHS = 52
# In the order in which the surrogate takes them, after the epoch.
SPACE: Space = {
    "batch_size": {"min": 16, "max": 512, "log": True},
    "learning_rate": {"min": 1e-4, "max": 1e-1, "log": True},
    "momentum": {"min": 0.1, "max": 0.99},
    "weight_decay": {"min": 1e-5, "max": 1e-1},
    "num_layers": {"min": 1, "max": 5},
    "max_units": {"min": 64, "max": 1024, "log": True},
    "max_dropout": {"min": 0.0, "max": 1.0},
}
_SECONDS, _LOSS = 0, 2  # columns of its answer: time since the start, validation cross-entropy
_LEAST = 1e-3  # seconds of an epoch: the surrogate's clock stands still now and then


def lcbench(task: str) -> tuple[Space, int, Callable[[Columns], tuple[np.ndarray, np.ndarray]]]:
    """The space, the epochs and the curves of an OpenML task.

    Raises:
        ValueError: LCBENCH_DIR does not name the surrogate's folder, or it does not know the task.
    """
    codes = json.loads((_folder() / "encoding.json").read_text())["OpenML_task_id"]
    if task not in codes:
        raise ValueError(f"lcbench: the surrogate must know the task, and has no {task!r}")
    return SPACE, EPOCHS, functools.partial(_curves, codes[task])


def _folder() -> Path:
    folder = Path(os.environ.get("LCBENCH_DIR", ""))
    if not (folder / "model.onnx").is_file():
        raise ValueError(
            "LCBENCH_DIR must name the folder with model.onnx and encoding.json of YAHPO Gym's lcbench "
            "(see benchmarks/search/README.md)"
        )
    return folder


def _curves(code: int, configs: Columns) -> tuple[np.ndarray, np.ndarray]:
    table = np.stack([configs[name] for name in SPACE], axis=1)
    epochs = np.tile(np.arange(1, EPOCHS + 1), len(table))
    numbers = np.column_stack([epochs, np.repeat(table, EPOCHS, axis=0)]).astype(np.float32)
    asked = {"x_cat": np.full((len(numbers), 1), code, np.int32), "x_cont": numbers}
    answer = _session().run(None, asked)[0].astype(float)
    losses = answer[:, _LOSS].reshape(-1, EPOCHS)
    since = np.maximum.accumulate(answer[:, _SECONDS].reshape(-1, EPOCHS), axis=1)
    return losses, np.maximum(np.diff(since, axis=1, prepend=0.0), _LEAST)


@functools.cache
def _session():
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(_folder() / "model.onnx", options, providers=["CPUExecutionProvider"])
