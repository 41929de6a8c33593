"""The README is run: its files written as printed, its commands typed as printed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from sweeps.spec import SweepSpec

README = (Path(__file__).resolve().parent.parent / "README.md").read_text()


def files() -> dict[str, str]:
    """The files the README asks a newcomer to write."""
    return dict(re.findall(r"<!-- file: (\S+) -->\n```\w+\n(.*?)```", README, re.DOTALL))


def commands() -> list[str]:
    block = re.search(r"<!-- commands -->\n```bash\n(.*?)```", README, re.DOTALL)
    return [line.split("#")[0].strip() for line in block[1].splitlines()]


def test_the_first_ten_minutes_work_as_printed(tmp_path):
    for name, text in files().items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    outputs = {}
    for command in commands():
        assert command.startswith("sweep ")
        done = subprocess.run(
            command, shell=True, cwd=tmp_path, env=os.environ | {"PATH": path}, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        outputs[command.split()[1]] = done.stdout
    assert "# configurations: infinitely many" in outputs["check"]
    assert "winner: trial" in outputs["run"] and "accuracy=" in outputs["run"]
    assert "complete" in outputs["show"]
    bundle = {p.name for p in (tmp_path / "release").iterdir()}
    assert bundle >= {"model.safetensors", "config.json", "metrics.json"}
    _check_python(tmp_path)


def _check_python(folder: Path) -> None:
    """The Python lines, on the sweep that the commands have run."""
    block = re.search(r"From Python:\n\n```python\n(.*?)```", README, re.DOTALL)[1]
    code = block.replace('"release"', '"release2"').replace('"budget.trials": 12', '"budget.trials": 16')
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (folder / "release2" / "config.json").exists()
    assert json.loads((folder / "release2" / "config.json").read_text())["width"] in (8, 16, 32)


def test_every_key_of_the_yaml_stands_in_the_reference():
    table = README[README.index("## The YAML") : README.index("A parameter is one of")]
    described = set(
        re.findall(r"`(\w+)`", "".join(line.split("|")[1] for line in table.splitlines() if "|" in line))
    )
    keys = set(SweepSpec.model_fields) | {"parameters", "constraints", "fixed"}
    assert described - {"key"} >= {key for key in keys if key not in ("space", "source", "path")}


@pytest.mark.parametrize("code", ["0", "1", "2", "3", "4", "5", "7", "129", "130", "138", "143"])
def test_every_exit_code_is_named(code):
    table = README[README.index("## Exit codes") : README.index("## Platforms")]
    assert re.search(rf"\b{code}\b", table)


def test_the_parameters_of_the_reference_are_valid(tmp_path):
    from sweeps.spec import load_spec

    block = re.search(r"A parameter is one of\n\n```yaml\n(.*?)```", README, re.DOTALL)[1]
    body = "".join(f"  {line}\n" for line in block.splitlines())
    optimizer = "  optimizer: {values: [sgd, rmsprop, adam]}\n"
    text = (
        f"version: 1\nname: x\ntrain: a:b\nepochs: 1\nbudget: {{trials: 1}}\nparameters:\n{optimizer}{body}"
    )
    (tmp_path / "x.yaml").write_text(text)
    spec = load_spec(tmp_path / "x.yaml")
    assert len(spec.space.parameters) == len(yaml.safe_load(block)) + 1
