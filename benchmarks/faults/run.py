"""The same faults on sweeps, Ray Tune, Optuna and Syne Tune: ``python -m benchmarks.faults.run [SCENE ...]``.

Each run prints a line a system, and keeps what it found in result.json and README.md beside this file; scenes
that are not run keep what was found before.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import tomllib
from importlib.metadata import version
from pathlib import Path

from benchmarks.common import machine
from benchmarks.faults import toy
from benchmarks.faults.scenes import SCENES
from benchmarks.faults.systems import ROOT, SYNE_TUNE, SYSTEMS, System

RESULT = Path(__file__).with_name("result.json")
README = Path(__file__).with_name("README.md")
HEAD = """# The same faults on four systems

What was measured on one machine, by one training function ([toy.py](toy.py): {epochs} epochs of {pause} s) in
{trials} trials on {workers} workers, each system set up and resumed as its own documentation says. What was
trained, and how often, is counted in a ledger that the training function writes, not in the systems' tables.
`sweeps` has `timeout: {{report: 5s}}`, Ray Tune `max_failures=1` where a worker is killed, and Syne Tune
saves its tuner every second; all else is by default.

    python -m benchmarks.faults.run                    # all of them: some ten minutes
    python -m benchmarks.faults.run driver_killed      # one: the functions of scenes.py

Ray and Optuna are dependencies of ours; Syne Tune is not: `SYNE_TUNE_PYTHON` names an interpreter that has it
(`python -m venv v; v/bin/pip install syne-tune; SYNE_TUNE_PYTHON=v/bin/python make faults-peers`).

Measured on {date} with {versions}.

"""


def syne_tune_version() -> str | None:
    command = [SYNE_TUNE.python(), "-c", "import syne_tune; print(syne_tune.__version__)"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


def versions() -> dict[str, str | None]:
    own = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    optuna, ray = version("optuna"), version("ray")
    return {"sweeps": own, "Ray Tune": ray, "Optuna": optuna, "Syne Tune": syne_tune_version()}


def readme(result: dict) -> str:
    """The table: a section a fault, a line a system."""
    named = ", ".join(f"{name} {number}" for name, number in result["versions"].items() if number)
    text = HEAD.format(
        epochs=toy.EPOCHS,
        pause=toy.PAUSE,
        trials=toy.TRIALS,
        workers=toy.WORKERS,
        date=result["machine"]["date"],
        versions=named,
    )
    text += "| fault | system | what happened |\n|---|---|---|\n"
    for fault, found in result["faults"].items():
        for number, (name, what) in enumerate(found.items()):
            text += f"| {'' if number else fault} | {name} | {what.replace('|', '/')} |\n"
    return text


def main(names: list[str]) -> None:
    result = json.loads(RESULT.read_text()) if RESULT.exists() else {"faults": {}}
    result = {"machine": machine(), "versions": versions(), "faults": result["faults"]}
    for scene in SCENES:
        if names and scene.__name__ not in names:
            continue
        for system in SYSTEMS:
            for fault, what in _found(scene, system, result["versions"]).items():
                result["faults"].setdefault(fault, {})[system.name] = what
                print(f"{fault:32} {system.name:10} {what}", flush=True)
        RESULT.write_text(json.dumps(result, indent=2) + "\n")
        README.write_text(readme(result))


def _found(scene, system: System, known: dict[str, str | None]) -> dict[str, str]:
    if known[system.name] is None:
        return {}
    begun = time.monotonic()
    found = scene(system)
    print(f"  ({scene.__name__}, {system.name}: {time.monotonic() - begun:.0f} s)", file=sys.stderr)
    return found


if __name__ == "__main__":
    main(sys.argv[1:])
