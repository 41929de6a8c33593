"""What a simulated sweep of a cluster costs on one machine: 10,000 trials of 50 epochs on 1,000 workers.

Each sweep is one `sweep simulate`, from the command to its last line: seconds, and the process's memory. With
asha most trials end early; without a pruner every epoch is reported; auto proposes each trial by its model.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.common import keep, table

SPEC = f"""
version: 1
name: cluster
train: my_cnn:train
curves: {Path(__file__).with_name("curves.py")}:factory
epochs: 50
parameters:
  lr: {{min: 1e-5, max: 1e-1, log: true}}
  momentum: {{min: 0.0, max: 0.99}}
  width: {{values: [16, 32, 64, 128]}}
workers: 1000
budget: {{trials: 10000}}
"""


SWEEPS = {"asha": ("random", "asha"), "none": ("random", "none"), "auto": ("auto", "auto")}
BARS = {"asha": "180 s, 1,000 MB", "auto": "900 s, 1,000 MB"}


def simulate(sampler: str, pruner: str) -> dict[str, Any]:
    """``seconds``, ``cpu_seconds``, ``memory_mb`` of one simulated sweep, and what it came to."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cluster.yaml"
        path.write_text(SPEC)
        command = [sys.executable, "-m", "benchmarks.simulation.run", str(path), sampler, pruner]
        begun = time.perf_counter()
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        seconds = time.perf_counter() - begun
    return {"seconds": seconds, **json.loads(done.stdout.splitlines()[-1])}


def measured(path: Path, sampler: str, pruner: str) -> None:
    """The command itself, which then prints what it took."""
    from sweeps.cli.running import simulate_command

    flags = {"allow_code_change": False, "as_json": False, "quiet": True}
    code = simulate_command(path, [f"sampler={sampler}", f"pruner={pruner}"], path.parent, False, **flags)
    assert code == 0
    used = resource.getrusage(resource.RUSAGE_SELF)
    lines = (path.parent / "cluster/trials.csv").read_text().splitlines()
    epochs = sum(1 for file in path.parent.glob("cluster/trials/*/metrics.jsonl") for _ in file.open())
    took = {"cpu_seconds": used.ru_utime + used.ru_stime, "memory_mb": used.ru_maxrss / 1024}
    print(json.dumps({**took, "trials": len(lines) - 1, "epochs": epochs}))


def main() -> None:
    result = {name: simulate(*searched) for name, searched in SWEEPS.items()}
    rows = [
        (
            f"{name}: {told['epochs']:,} epochs",
            f"{told['seconds']:.0f} s ({told['cpu_seconds']:.0f} s of one core), {told['memory_mb']:.0f} MB"
            + (f"   bar: {BARS[name]}" if name in BARS else ""),
        )
        for name, told in result.items()
    ]
    table("sweep simulate: 10,000 trials of at most 50 epochs on 1,000 virtual workers", rows)
    keep(__file__, result)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measured(Path(sys.argv[1]), *sys.argv[2:])
    else:
        main()
