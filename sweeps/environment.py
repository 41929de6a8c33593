"""What a sweep ran on, for ``env.json``: versions, revision, hardware; nothing that is not on a list."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from sweeps.urls import mask_password

PACKAGES = (
    "sweeps", "torch", "numpy", "optuna", "cmaes", "scipy", "ray", "scikit-learn", "pandas", "pyarrow",
    "pydantic", "pyyaml", "safetensors", "psutil",
)  # fmt: skip
VARIABLES = (
    "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "CUBLAS_WORKSPACE_CONFIG", "NVIDIA_TF32_OVERRIDE",
    "PYTORCH_CUDA_ALLOC_CONF", "OMP_NUM_THREADS", "OMP_WAIT_POLICY", "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS", "PYTHONHASHSEED",
)  # fmt: skip
_PATIENCE = 10.0  # seconds for git or nvidia-smi; a broken driver can make the latter hang


def describe(command: Sequence[str] = ()) -> dict[str, Any]:
    """Everything ``env.json`` holds, as plain JSON data; nothing is imported for it.

    ``command`` is the command line to record, its database passwords masked.
    """
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": [mask_password(word) for word in command],
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": _versions(),
        "git": _git(Path.cwd()),
        "hardware": _hardware(),
        "variables": {name: os.environ[name] for name in VARIABLES if name in os.environ},
    }


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _git(directory: Path) -> dict[str, Any] | None:
    """The commit of ``directory``, and whether tracked files differ from it; None outside of git."""
    commit = _output(["git", "-C", str(directory), "rev-parse", "HEAD"])
    if commit is None:
        return None
    changes = _output(["git", "-C", str(directory), "status", "--porcelain", "--untracked-files=no"])
    return {"commit": commit, "dirty": changes != ""}


def _hardware() -> dict[str, Any]:
    return {
        "machine": platform.machine(),
        "cpu": _cpu_model(),
        "cores": psutil.cpu_count(logical=False),
        "threads": psutil.cpu_count(),
        "usable_threads": len(os.sched_getaffinity(0)) if sys.platform == "linux" else psutil.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "gpus": _gpus(),
    }


def _cpu_model() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    text = cpuinfo.read_text() if cpuinfo.exists() else ""
    model = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return model[1] if model else platform.processor()


def _gpus() -> list[dict[str, str]]:
    query = "--query-gpu=name,memory.total,driver_version"
    text = _output(["nvidia-smi", query, "--format=csv,noheader"])
    rows = [line.split(", ") for line in (text or "").splitlines()]
    return [dict(zip(("name", "memory", "driver"), row, strict=True)) for row in rows if len(row) == 3]


def _output(command: list[str]) -> str | None:
    """What ``command`` prints; None if it is not installed, fails, or does not end in time."""
    environment = os.environ | {"GIT_OPTIONAL_LOCKS": "0"}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_PATIENCE, env=environment, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
