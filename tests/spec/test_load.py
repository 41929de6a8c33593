"""A sound file becomes a spec whose every field is what the file says or the default."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pydantic import ValidationError

from sweeps.space import Choice, Condition, Float, Integer, Parameter
from sweeps.spec import Budget, Component, EarlyStopping, Metric, Resources, Retries, Timeout
from tests.spec.helpers import HEAD, SMALL, load, problems

FULL = """\
version: 1
name: my_cnn
train: my_cnn:train
test: path/to/file.py:test
metric: {name: accuracy, goal: maximize}
epochs: 30
fixed: {data: digits, model: {depth: 3}}
parameters:
  lr: {min: 1e-5, max: 1e-1, log: true}
  momentum: {min: 0.0, max: 0.99, when: {optimizer: sgd}}
  width: {min: 32, max: 128, step: 32}
  dropout: {min: 0, max: 0.5, step: 0.1}
  optimizer: {values: [sgd, adamw]}
constraints: ["model.depth * width <= 300"]
enqueue: [{optimizer: sgd, lr: 3e-4, width: 64, momentum: 0, dropout: 0.3}]
sampler: {name: random, seed: 3}
pruner: none
early_stopping: {patience: 5, min_delta: 1e-3}
budget: {trials: 100, wall: 8h}
resources: {cpus: 2, gpus: 0.25}
engine: inline
retries: {error: 1, hang: 2}
workers: 4
seed: 7
isolation: trial
max_trials_per_worker: 10
timeout: {report: 1m30s, trial: 90}
storage: sqlite:///study.db
export: []
"""


def test_every_key_is_read(tmp_path):
    spec = load(tmp_path, FULL)
    assert (spec.version, spec.name, spec.epochs) == (1, "my_cnn", 30)
    assert (spec.train, spec.test) == ("my_cnn:train", "path/to/file.py:test")
    assert spec.metric == Metric(name="accuracy", goal="maximize")
    assert spec.sampler == Component(name="random", options={"seed": 3})
    assert spec.pruner == Component(name="none")
    assert spec.early_stopping == EarlyStopping(patience=5, min_delta=1e-3)
    assert spec.budget == Budget(trials=100, wall=28800.0)
    assert spec.resources == Resources(cpus=2, gpus=0.25)
    assert spec.retries == Retries(error=1, crash=1, hang=2)
    assert spec.timeout == Timeout(report=90.0, trial=90.0)
    assert (spec.engine, spec.workers, spec.seed) == ("inline", 4, 7)
    assert (spec.isolation, spec.max_trials_per_worker) == ("trial", 10)
    assert (spec.storage, spec.export) == ("sqlite:///study.db", ())
    assert (spec.source.decode(), spec.path) == (FULL, tmp_path / "s.yaml")


def test_the_space_is_read_with_parents_before_dependants(tmp_path):
    space = load(tmp_path, FULL).space
    assert space.parameters == (
        Parameter("lr", Float(1e-5, 1e-1, log=True)),
        Parameter("width", Integer(32, 128, step=32)),
        Parameter("dropout", Float(0.0, 0.5, step=0.1)),
        Parameter("optimizer", Choice(("sgd", "adamw"))),
        Parameter("momentum", Float(0.0, 0.99), (Condition("optimizer", ("sgd",)),)),
    )
    assert space.fixed == {"data": "digits", "model.depth": 3}
    assert [constraint.source for constraint in space.constraints] == ["model.depth * width <= 300"]


def test_enqueued_configurations_are_flat_ordered_and_typed(tmp_path):
    (params,) = load(tmp_path, FULL).enqueue
    assert list(params.items()) == [
        ("lr", 3e-4),
        ("width", 64),
        ("dropout", 0.3),
        ("optimizer", "sgd"),
        ("momentum", 0.0),
    ]
    assert type(params["momentum"]) is float


def test_defaults(tmp_path):
    spec = load(tmp_path, SMALL)
    assert spec.metric == Metric(name="val_loss", goal="minimize")
    assert spec.sampler == spec.pruner == Component(name="auto")
    assert spec.retries == Retries(error=0, crash=1, hang=0, oom=0, nonfinite=0)
    assert spec.resources == Resources(cpus=1, gpus=None)
    assert spec.timeout == Timeout(report=None, trial=None)
    assert (spec.test, spec.early_stopping, spec.workers, spec.storage) == (None, None, None, None)
    assert (spec.engine, spec.seed, spec.isolation) == ("local", 0, "warm")
    assert (spec.export, spec.enqueue, spec.space.fixed) == (("safetensors",), (), {})


def test_a_spec_cannot_be_changed(tmp_path):
    with pytest.raises(ValidationError):
        load(tmp_path, SMALL).seed = 3


@pytest.mark.parametrize("written", ["pruner: null", "pruner:", "pruner: none", "pruner: {name: none}"])
def test_no_pruner(tmp_path, written):
    assert load(tmp_path, f"{SMALL}{written}\n").pruner == Component(name="none")


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("8h", 28800),
        ("30m", 1800),
        ("45s", 45),
        ("1d", 86400),
        ("1h30m", 5400),
        ("0.5s", 0.5),
        ("90", 90),
        (".5", 0.5),
    ],
)
def test_durations(tmp_path, written, seconds):
    assert load(tmp_path, f"{SMALL}timeout: {{trial: {written}}}\n").timeout.trial == seconds


@pytest.mark.parametrize(
    "written", ["8", "1h1h", "30m1h", "h", "'90'", "1.5h", "-1h", "0s", "0", "1 h", ".inf"]
)
def test_what_is_no_duration(tmp_path, written):
    found = problems(tmp_path, f"{SMALL}timeout: {{trial: {written}}}\n")
    assert (len(found) == 0) is (written == "8")


@pytest.mark.parametrize("gpus", ["0", "0.25", "1", "2", "2.0"])
def test_whole_gpus_and_shares(tmp_path, gpus):
    assert load(tmp_path, f"{SMALL}resources: {{gpus: {gpus}}}\n").resources.gpus == float(gpus)


def test_gpus_above_one_are_whole(tmp_path):
    (line,) = problems(tmp_path, f"{SMALL}resources: {{gpus: 1.5}}\n")
    assert line == "s.yaml:8:19  resources.gpus  must be a share below 1 or a whole number (1.5)"


def test_a_finite_space_needs_no_budget(tmp_path):
    text = SMALL.replace("budget: {trials: 5}\n", "").replace("max: 1.0", "max: 1.0, step: 0.1")
    assert load(tmp_path, text).space.size() == 10


def test_grid_over_a_finite_space(tmp_path):
    text = SMALL.replace("max: 1.0", "max: 1.0, step: 0.1") + "sampler: grid\n"
    assert load(tmp_path, text).sampler.name == "grid"


def test_nested_groups_have_dotted_names_and_shared_conditions(tmp_path):
    text = f"""{HEAD}parameters:
  name: {{values: [mlp, cnn]}}
  opt:
    parameters:
      name: {{values: [sgd, adamw]}}
      sgd:
        when: {{name: sgd}}
        parameters:
          momentum: {{values: [0.0, 0.9], when: {{opt.name: sgd, name: sgd}}}}
          nesterov: {{values: [true, false], when: {{momentum: 0.9}}}}
  kernel: {{values: [3, 5], when: {{name: [cnn], opt.name: [sgd, adamw]}}}}
"""
    space = load(tmp_path, text).space
    assert space.names == ("name", "opt.name", "opt.sgd.momentum", "opt.sgd.nesterov", "kernel")
    conditions = {parameter.name: {c.parameter for c in parameter.when} for parameter in space.parameters}
    assert conditions == {
        "name": set(),
        "opt.name": set(),
        "opt.sgd.momentum": {"opt.name"},
        "opt.sgd.nesterov": {"opt.name", "opt.sgd.momentum"},
        "kernel": {"name", "opt.name"},
    }
    # kernel or not, and momentum 0 | momentum 0.9 with two kinds of nesterov | adamw
    assert space.size() == (1 + 2) * (1 + 2 + 1)


@pytest.mark.parametrize("entry", ["{opt: {lr: 0.5}, x: 1}", "{opt.lr: 0.5, x: 1}", "{x: 1, opt: {lr: 0.5}}"])
def test_enqueued_nested_values_may_be_nested_or_dotted(tmp_path, entry):
    text = f"{HEAD}parameters:\n  opt: {{parameters: {{lr: {{min: 0.1, max: 1.0}}}}}}\n  x: {{values: [1]}}\n"
    assert load(tmp_path, f"{text}enqueue: [{entry}]\n").enqueue == ({"opt.lr": 0.5, "x": 1},)


def test_an_unusable_value_of_a_conditions_parameter_in_enqueue_is_one_problem(tmp_path):
    text = f"{HEAD}parameters:\n  opt: {{values: [a, b]}}\n  x: {{values: [1], when: {{opt: a}}}}\n"
    (line,) = problems(tmp_path, f"{text}enqueue: [{{opt: [a], x: 1}}]\n")
    assert line.startswith("s.yaml:9:17  enqueue[0].opt  must be a single value ")


def test_four_values_that_python_takes_for_fewer(tmp_path):
    enqueue = 'enqueue: [{a: 1}, {a: 1.0}, {a: true}, {a: "1"}]'
    spec = load(tmp_path, f'{HEAD}parameters:\n  a: {{values: [1, 1.0, true, "1"]}}\n{enqueue}\n')
    assert spec.space.size() == 4
    assert [type(params["a"]) for params in spec.enqueue] == [int, float, bool, str]


def test_unknown_components_and_options_point_at_their_key(tmp_path):
    lines = problems(tmp_path, f"{SMALL}sampler: tpee\npruner: {{name: asha, min_epoch: 1}}\n")
    assert lines[0].startswith("s.yaml:8:10  sampler  ")
    assert 'did you mean "tpe"?' in lines[0]
    assert lines[1].startswith("s.yaml:9:22  pruner.min_epoch  ")
    assert 'did you mean "min_epochs"?' in lines[1]


@pytest.mark.parametrize(
    ("written", "ranks", "cpus"),
    [
        ("distributed: ddp\nresources: {gpus: 2}", 2, 2),
        ("distributed: {name: ddp, ranks: 3}", 3, 3),
        ("distributed: {name: ddp, ranks: 2}\nresources: {gpus: 4, cpus: 9}", 2, 9),
    ],
)
def test_ranks_are_counted_and_each_has_a_core(tmp_path, written, ranks, cpus):
    spec = load(tmp_path, f"{SMALL}{written}\n")
    assert (spec.distributed.ranks, spec.resources.cpus) == (ranks, cpus)
    (tmp_path / "again").mkdir()
    assert load(tmp_path / "again", spec.resolved()) == spec


def test_importing_the_spec_is_light():
    heavy = "('optuna', 'torch', 'pandas', 'ray', 'sklearn', 'scipy')"
    code = f"import sys, sweeps.spec; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
