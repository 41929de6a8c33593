"""A function that knows its configurations says what is wrong with a space before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest

import sweeps
from sweeps.errors import TargetError, UsageError

YAML = """
version: 1
name: checked
train: {module}:train
epochs: 1
fixed: {{kind: {kind}}}
parameters:
  width: {{values: [1, 2, 3]}}
  rate: {{min: 0.0, max: 1.0}}
constraints: ["width < 3"]
enqueue: [{{width: 1, rate: 0.5}}]
budget: {{trials: 2}}
engine: inline
"""
CHECKED = """
print("importing")

def check_config(config):
    print("looking at", config)
    if config["kind"] != "good":
        raise ValueError(f"kind must be good, found {config['kind']}: change it")
    if config["width"] == 3:
        raise ValueError("a configuration that breaks a constraint was shown")

def train(trial):
    trial.report(val_loss=trial.config["rate"], epoch=1)
"""


def sweep(folder: Path, code: str, kind: str = "good", module: str = "checked_code") -> Path:
    (folder / f"{module}.py").write_text(code)
    path = folder / "checked.yaml"
    path.write_text(YAML.format(module=module, kind=kind))
    return path


def test_a_space_that_is_fine_runs(tmp_path: Path) -> None:
    assert len(sweeps.run(sweep(tmp_path, CHECKED), results=tmp_path / "results").trials) == 2


def test_a_refused_configuration_is_bad_input_and_leaves_nothing(tmp_path: Path) -> None:
    path = sweep(tmp_path, CHECKED, kind="bad")
    with pytest.raises(UsageError) as error:
        sweeps.run(path, results=tmp_path / "results")
    assert str(error.value) == (
        "kind must be good, found bad: change it"  # in every configuration, so that none is named
    )
    assert not (tmp_path / "results").exists()


def test_one_bad_choice_among_many_is_found(tmp_path: Path) -> None:
    code = CHECKED.replace('config["width"] == 3', 'config["width"] == 2 and config["rate"] > 0.9')
    with pytest.raises(
        UsageError, match=r"a constraint was shown \(in a configuration.* width: 2, rate: 0\.9"
    ):
        sweeps.run(sweep(tmp_path, code), results=tmp_path / "results")


def test_a_large_finite_space_is_seen_everywhere(tmp_path: Path) -> None:
    path = sweep(tmp_path, CHECKED)
    text = path.read_text().replace("values: [1, 2, 3]", "values: [1, 2]")
    path.write_text(
        text.replace("{min: 0.0, max: 1.0}", "{min: 0, max: 999}").replace("rate: 0.5", "rate: 0")
    )
    (tmp_path / "checked_code.py").write_text(CHECKED.replace('config["width"] == 3', 'config["width"] == 2'))
    with pytest.raises(UsageError, match="width: 2"):
        sweeps.run(path, results=tmp_path / "results")


def test_a_check_is_told_what_is_searched_and_for_how_long(tmp_path: Path) -> None:
    code = CHECKED.replace("def check_config(config):", "def check_config(config, *, searched, epochs):")
    code = code.replace('config["kind"] != "good"', 'searched == ["width", "rate"] and epochs == 1')
    with pytest.raises(UsageError, match="kind must be good"):
        sweeps.run(sweep(tmp_path, code), results=tmp_path / "results")


def test_what_does_not_import_is_told_as_ever(tmp_path: Path) -> None:
    path = sweep(tmp_path, "import nothing_of_that_name\n" + CHECKED, module="broken_code")
    with pytest.raises(TargetError, match="nothing_of_that_name"):
        sweeps.run(path, results=tmp_path / "results")


def test_the_trainer_knows_its_keys_beforehand(tmp_path: Path) -> None:
    path = Path(__file__).parents[2] / "search_spaces" / "cnn.yaml"
    with pytest.raises(
        UsageError, match=r"^model: cnn needs images \(channels, height, width\), and data: wine"
    ):
        sweeps.run(path, set={"fixed.data": "wine"}, results=tmp_path)
    seeds = {"parameters.split_seed": {"values": [0, 1]}, "enqueue": []}
    with pytest.raises(UsageError, match=r"^split_seed decides which rows .* must not be searched"):
        sweeps.run(path, set=seeds, results=tmp_path)
    with pytest.raises(UsageError, match=r"^warmup_epochs must be below the number of epochs, which is 30"):
        sweeps.run(path, set={"fixed.warmup_epochs": 30}, results=tmp_path)
    with pytest.raises(UsageError, match=r"^optimizer must be one of sgd, .*, found sdg; did you mean sgd\?"):
        sweeps.run(path, set={"parameters.optimizer.values": ["sdg", "sgd", "adamw"]}, results=tmp_path)
    ddp = {"distributed": {"name": "ddp", "ranks": 2}, "resources.cpus": 2}
    with pytest.raises(
        UsageError, match=r"^the built-in training function trains a trial in one process, found"
    ):
        sweeps.run(path, set=ddp, results=tmp_path)
