"""sweeps, as its README says: ``sweep run``, and the same command again to go on; an edited YAML is resumed
with ``--edit``. Arguments: FOLDER CHOICES.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import sweeps
from benchmarks.faults import toy

SPEC = f"""
version: 1
name: toy
train: {Path(__file__).with_name("train_ours.py")}:train
epochs: {toy.EPOCHS}
parameters:
  x: {{min: 0.0, max: 1.0}}
  kind: {{values: [CHOICES]}}
pruner: none
budget: {{trials: {toy.TRIALS}}}
workers: {toy.WORKERS}
timeout: {{report: 5s}}
"""


def main(folder: Path, choices: str) -> int:
    from sweeps.cli import main as sweep

    path = folder / "toy.yaml"
    text = SPEC.replace("CHOICES", choices)
    edited = path.exists() and path.read_text() != text
    path.write_text(text)
    if edited:
        command = ["resume", str(folder / "toy"), "--edit", str(path)]
    else:
        command = ["run", str(path), "--results", str(folder)]
    sys.argv = ["sweep", *command]
    code = 0
    try:
        sweep()
    except SystemExit as end:
        code = int(end.code or 0)
    tell(folder)
    return code


def tell(folder: Path) -> None:
    try:
        results = sweeps.load(folder / "toy")
        trials = results.trials
    except sweeps.SweepError as error:
        print(error, file=sys.stderr)
        return
    complete = trials[trials["state"] == "COMPLETE"]
    best = None if complete.empty else float(complete["metric"].min())
    toy.tell(trials["state"].value_counts().to_dict(), best, len(trials))


if __name__ == "__main__":
    os.chdir(sys.argv[1])
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
