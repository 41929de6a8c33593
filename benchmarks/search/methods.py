"""Every method by name: ``ours:SAMPLER+PRUNER`` and the peers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from benchmarks.search.clock import Method, Outcome, Simulation
from benchmarks.search.problems import problem
from benchmarks.search.regret import Trace, known

ROOT = Path(__file__).parents[2]
OURS = ("ours:auto", "ours:random+none", "ours:random+asha")
PEERS = (
    *(
        "optuna:tpe+none",
        "optuna:tpe+median",
        "optuna:tpe+halving",
        "optuna:tpe+hyperband",
        "optuna:gp+median",
    ),
    *("syne:asha-cqr", "syne:asha-bore", "syne:bohb", "ray:asha"),
)
SETS = {"ours": OURS, "peers": PEERS, "all": OURS + PEERS}


def names(asked: list[str]) -> list[str]:
    """Methods by name or by set (ours, peers, all). Raises ValueError for a system that there is none of."""
    found = [method for name in asked for method in SETS.get(name, (name,))]
    for name in found:
        if name.partition(":")[0] not in ("ours", "optuna", "ray", "syne"):
            raise ValueError(f"a method is ours:..., optuna:..., ray:... or syne:..., not {name!r}")
    return list(dict.fromkeys(found))


def search(method: str, searched: str, workers: int, seed: int) -> Outcome:
    """One search of the problem named ``searched``, with its budget."""
    system, _, name = method.partition(":")
    budget = known(searched).budget
    if system == "syne":
        return _syne_tune(name, searched, workers, seed, budget)
    if system == "ours":
        from benchmarks.search import drive_ours

        return drive_ours.run(name, problem(searched), workers, seed, budget)
    return Simulation(problem(searched), _peer(system, name, searched, workers, seed), workers, budget).run()


def _peer(system: str, name: str, searched: str, workers: int, seed: int) -> Method:
    if system == "ray":
        from benchmarks.search.drive_ray import RayAsha as Peer
    else:
        from benchmarks.search.drive_optuna import OptunaMethod as Peer
    return Peer(name, problem(searched), workers, seed)


def _syne_tune(name: str, searched: str, workers: int, seed: int, budget: float) -> Outcome:
    """In the interpreter that SYNE_TUNE_PYTHON names: Syne Tune is no dependency of ours."""
    python = os.environ.get("SYNE_TUNE_PYTHON", sys.executable)
    arguments = [name, searched, str(workers), str(seed), repr(budget)]
    done = subprocess.run(
        [python, "-m", "benchmarks.search.drive_syne_tune", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(
            f"syne:{name}: {done.stderr.strip()[-500:]} (SYNE_TUNE_PYTHON must have syne-tune)"
        )
    found = json.loads(done.stdout.splitlines()[-1])
    return Outcome(**found | {"trace": Trace(**found["trace"])})
