"""The pages of docs/ are run: their files written as printed, their commands typed as printed."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from sweeps.runner.edit import EDITABLE
from sweeps.runner.folder import CHANGEABLE
from sweeps.spec import SweepSpec
from sweeps.spec.model import Budget, Retries, Simulation
from trainer.rules import rules
from trainer.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
TRAINER = (ROOT / "docs" / "trainer.md").read_text()


def test_the_trainers_page_names_every_key_and_its_default() -> None:
    defaults = Settings()
    for key in rules(Settings):
        assert f"`{key}`" in TRAINER, f"docs/trainer.md lacks {key}"
    rows = re.findall(r"^\| `(\w+)` \|.*\| ([^|]*) \|$", TRAINER, re.MULTILINE)
    told = {key: text.strip("` ") for key, text in rows if key in rules(Settings)}
    assert len(told) > 40
    for key, text in told.items():
        default = getattr(defaults, key)
        words = {"", "none", "needed", "off", "fractions", "null"} if default in ("", None, {}) else None
        if words is not None:
            assert text in words, key
        elif isinstance(default, bool):
            assert text == str(default).lower(), key
        elif isinstance(default, str):
            assert text == default, key
        else:
            assert float(text) == default, key


def test_the_page_on_failures_tells_the_defaults_and_every_kind() -> None:
    page = (ROOT / "docs" / "failures.md").read_text()
    block = re.search(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert block
    for key, value in yaml.safe_load(block[1]).items():
        default = SweepSpec.model_fields[key].default
        told = {**value, "backoff": 0.0} if key == "retries" else value
        assert told == (default.model_dump() if hasattr(default, "model_dump") else _plain(default)), key
    kinds = re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)
    assert {*Retries.model_fields, "infeasible"} - {"backoff"} <= set(kinds)
    assert all(f"| `{key}: " in page for key in Budget.model_fields)


def test_both_lists_of_what_a_resumed_sweep_may_change_are_whole() -> None:
    readme = (ROOT / "README.md").read_text()
    told = re.search(r"`sweep resume --set`\s+changes what may change: (.*?)\. ", readme, re.DOTALL)
    assert told and _keys(told[1]) == sorted(CHANGEABLE)
    page = (ROOT / "docs" / "resume.md").read_text()
    by_set = re.search(r"^\| `--set KEY=VALUE` \| .*?: (.*) \|$", page, re.MULTILINE)
    by_edit = re.search(r"^\| `--edit FILE` \| the same, .*?: (.*) \|$", page, re.MULTILINE)
    assert by_set and _keys(by_set[1]) == sorted(CHANGEABLE)
    assert by_edit and _keys(by_edit[1]) == sorted(set(EDITABLE) - set(CHANGEABLE))


def _keys(text: str) -> list[str]:
    return sorted(re.findall(r"`(\w+)`", text))


def test_the_page_on_simulation_tells_every_key_and_its_default() -> None:
    page = (ROOT / "docs" / "simulation.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \|.*\| `?([^|`]*)`? \|$", page, re.MULTILINE)
    told = {**Simulation().model_dump(), "startup": "0s", "node_life": "never"}
    defaults = {key: f"{value:g}" if isinstance(value, float) else str(value) for key, value in told.items()}
    assert dict(rows) == defaults


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


@pytest.mark.parametrize(
    ("page", "more", "said"),
    [
        ("trainer", ["sweep run search_spaces/my_recipe.yaml"], "accuracy"),
        ("distributed", [], "winner: trial"),
        ("disk", [], "winner: trial"),
        ("resume", [], "winner: trial"),
        ("simulation", [], "winner: trial"),
        ("objectives", [], "(front)"),
        ("warm_start", [], "winner: trial"),
    ],
)
def test_a_page_works_as_printed(tmp_path: Path, page: str, more: list[str], said: str) -> None:
    text = (ROOT / "docs" / f"{page}.md").read_text()
    for name, content in re.findall(r"<!-- file: (\S+) -->\n```\w+\n(.*?)```", text, re.DOTALL):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    block = re.search(r"<!-- commands -->\n```bash\n(.*?)```", text, re.DOTALL)
    assert block
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for command in [*block[1].splitlines(), *more]:
        done = subprocess.run(
            shlex.split(command, comments=True),
            cwd=tmp_path,
            env=os.environ | {"PATH": path},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        assert said in done.stdout
