"""What the benchmarks share: how a result is kept, and on what machine it was measured."""

from __future__ import annotations

import json
import platform
import time
from pathlib import Path
from typing import Any

import psutil


def machine() -> dict[str, Any]:
    """The hardware and the versions a figure belongs to."""
    from importlib.metadata import version

    return {
        "cpus": psutil.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "processor": platform.machine(),
        "python": platform.python_version(),
        "torch": version("torch"),
        "optuna": version("optuna"),
        "ray": version("ray"),
        "date": time.strftime("%Y-%m-%d"),
    }


def keep(script: str, result: dict[str, Any]) -> None:
    """Write ``result`` beside the script, as its last result."""
    keep_as(Path(script).with_name("result.json"), result)


def keep_as(path: Path, result: dict[str, Any]) -> None:
    """Write ``result`` to ``path``, with the machine it was measured on."""
    path.write_text(json.dumps({"machine": machine(), **result}, indent=2) + "\n")
    print(f"kept in {path}")


def keep_parts(script: str, parts: dict[str, dict[str, Any]]) -> None:
    """Put ``parts`` in place of those of the last result beside the script, each with its own machine."""
    path = Path(script).with_name("result.json")
    kept = json.loads(path.read_text()) if path.exists() else {}
    kept |= {name: {"machine": machine(), **part} for name, part in parts.items()}
    path.write_text(json.dumps(kept, indent=2) + "\n")
    print(f"kept in {path}")


def table(title: str, rows: list[tuple[str, str]]) -> None:
    """Two aligned columns."""
    width = max(len(name) for name, _ in rows)
    print(f"\n{title}")
    for name, value in rows:
        print(f"  {name:<{width}}  {value}")
