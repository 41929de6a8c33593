"""Small real sweeps: a user's module, its YAML, and a results folder made by the real controller."""

from __future__ import annotations

from pathlib import Path

import pytest

from sweeps.controller import Controller
from sweeps.engines import EngineSettings, create_engine
from sweeps.finals import finalise
from sweeps.paths import RunPaths
from sweeps.results import Layout, TableWriter, journal_stamp
from sweeps.runner.search import build_search
from sweeps.spec import load_spec
from sweeps.study import RunLock, StudyStore, read_records

MODULE = """
import json
import os
from pathlib import Path
import torch

PENALTY = (0.3, 0.1, 0.2)  # by epoch: the second is the best

def build_model(config):
    return torch.nn.Linear(2, 1)

def fill(model, trial, epoch):
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(100 * trial.number + epoch)

def train(trial, name="model", **others):
    if trial.config.x == 1.0:
        raise ValueError("x is too large")
    model = build_model(trial.config)
    for epoch in trial.epochs(**{name: model}, **others):
        fill(model, trial, epoch)
        trial.report(val_loss=abs(trial.config.x - 0.5) + PENALTY[epoch - 1], accuracy=epoch / 10)

def train_watched(trial):
    from sweeps.results import load
    for epoch in trial.epochs():
        trial.report(val_loss=trial.config.x + epoch)
        results = load(trial.directory.parent.parent)
        states, epochs = results.trials["state"].tolist(), results.epochs["epoch"].tolist()
        with open(trial.directory / "seen.jsonl", "a") as file:
            print(json.dumps([states, epochs]), file=file)

def train_net(trial):
    train(trial, "net", order=torch.Generator())

def train_two(trial):
    train(trial, "encoder", decoder=torch.nn.Linear(2, 2))

def train_plain(trial):
    for epoch in trial.epochs():
        trial.report(val_loss=trial.config.x + epoch)

class Tied(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = torch.nn.Linear(3, 3), torch.nn.Linear(3, 3)
        self.b.weight = self.a.weight

def train_tied(trial):
    model = Tied()
    for epoch in trial.epochs(model=torch.compile(model)):
        fill(model, trial, epoch)
        trial.report(val_loss=trial.config.x + epoch)

def note_test(trial):
    with open(trial.directory.parent.parent / "tests.txt", "a") as file:
        file.write(f"{trial.number}\\n")

def test(trial):
    note_test(trial)
    model = build_model(trial.config)
    trial.restore_best(model=model)
    return {"accuracy": model.weight.mean(), "loss": float("nan")}

def test_plain(trial):
    note_test(trial)
    return {"accuracy": trial.config.x}

def test_list(trial):
    return [0.5]

def test_nested(trial):
    return {"accuracy": 0.5, "samples": 3, "loss": float("inf"), "confusion": [[1, 0], [1, 1]],
            "mc_dropout": {"passes": 2, "entropy": [0.1, float("nan"), None], "kind": "dropout"}}

def train_noted(trial):
    trial.record(parameters=10 + trial.number, split="a1b2", baseline_loss=2.0)
    if trial.config.x == 1.0:
        raise ValueError("x is too large")
    for epoch in trial.epochs():
        trial.report(val_loss=trial.config.x + epoch)

def test_broken(trial):
    note_test(trial)
    if not Path("repaired").exists():
        raise RuntimeError("no test data")
    return {"accuracy": 1}

def test_killed(trial):
    note_test(trial)
    if not Path("repaired").exists():
        os.kill(os.getpid(), 9)
    return {"accuracy": 1}
"""

YAML = """
version: 1
name: net
train: {module}:{train}
test: {module}:{test}
metric: {{name: val_loss, goal: minimize}}
epochs: 3
parameters:
  x: {{min: 0.0, max: 1.0}}
  depth: {{values: [1, 2], when: {{kind: deep}}}}
  kind: {{values: [flat, deep]}}
enqueue: [{enqueue}]
sampler: random
pruner: none
engine: inline
budget: {{trials: {trials}}}
"""


class Sweep:
    """A sweep in ``root``; its trials are those of ``xs``, in order. ``more`` is appended to its YAML."""

    def __init__(
        self, root: Path, module: str, xs, train: str = "train", test: str = "test", more: str = ""
    ) -> None:
        (root / f"{module}.py").write_text(MODULE)
        enqueue = ", ".join(
            f"{{x: {x}, kind: {kind}}}" for x, kind in zip(xs, ("flat",) * len(xs), strict=True)
        )
        text = YAML.format(module=module, train=train, test=test, trials=len(xs), enqueue=enqueue)
        self.root = root
        self.yaml = root / "net.yaml"
        self.yaml.write_text(text.replace(f"test: {module}:None\n", "") + more)
        self.paths = RunPaths(root / "results" / "net")
        self.spec = load_spec(self.yaml)

    def engine(self):
        settings = EngineSettings(train=self.spec.train, test=self.spec.test, search_path=(self.root,))
        return create_engine("inline", settings)

    def run(self, trials: int | None = None) -> Sweep:
        """Run ``trials`` in all, all of ``xs`` by default, and write the tables."""
        overrides = () if trials is None else (f"budget.trials={trials}",)
        self.spec = spec = load_spec(self.yaml, overrides)
        self.paths.trials.mkdir(parents=True, exist_ok=True)
        self.paths.manifest.write_text('{"id": "of-this-folder", "search_path": []}')
        self.paths.sweep_yaml.write_bytes(spec.source)
        self.paths.resolved_yaml.write_text(spec.resolved())
        with RunLock(self.paths.lock):
            store = StudyStore.open(self.paths, spec.name, spec.metric.goal, spec.storage)
            engine = self.engine()
            controller = Controller(spec, self.paths, store, *build_search(spec, store, engine.workers))
            controller.start(engine.workers)
            engine.run(controller)
            controller.close()
            engine.close()
            store.close()
            TableWriter(self.paths, Layout.of(spec)).write(controller.records, journal_stamp(self.paths))
        return self

    @property
    def records(self):
        return read_records(self.paths, self.spec.name, self.spec.metric.goal, self.spec.storage)

    def finalise(self, only: int | None = None, **options):
        """The finals, with all trials or as if there were but one."""
        records = [record for record in self.records if only in (None, record.number)]
        engine = self.engine()
        try:
            return finalise(self.paths, self.spec, records, engine, **options)
        finally:
            engine.close()

    @property
    def tests(self) -> list[int]:
        """The trials that the test function was called for, in order."""
        path = self.paths.root / "tests.txt"
        return [int(line) for line in path.read_text().split()] if path.exists() else []


@pytest.fixture
def make_sweep(tmp_path, monkeypatch, request):
    """Builds a `Sweep` whose module has a name of its own, so that no two tests share an imported one."""
    monkeypatch.chdir(tmp_path)

    def make(*xs: float, **options) -> Sweep:
        module = "net_" + "".join(c if c.isalnum() else "_" for c in request.node.name)
        return Sweep(tmp_path, module, xs, **options)

    return make
