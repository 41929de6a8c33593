"""What a terminal or a spreadsheet would obey, in names, values, messages, logs and files of a sweep."""

from __future__ import annotations

import csv
import io
import json

import pytest
from rich.console import Console

import sweeps
from sweeps.cli.display import Progress, Running, render
from sweeps.printable import printable, printable_json, printable_lines
from tests.attacks.conftest import Victim

ESCAPES = "\x1b[2J\x1b]0;title\x07\x9b31m\u202e\x7f\x00"
MARKUP = "[bold red]x[/] [link=http://evil.example]y[/link] <script>alert(1)</script>"
CODE = f"""
import torch

EVIL = {ESCAPES + MARKUP!r}


def train(trial):
    print(EVIL, "in the log\\r overwritten")
    trial.record(**{{"=fact": "=1+1", "plus": "+1", "tab": "\\tx", EVIL: EVIL, "good": "a, b"}})
    for epoch in trial.epochs():
        if trial.number == 1:
            raise ValueError(EVIL + " @SUM(A1)\\nsecond line")
        trial.report({{"val_loss": trial.config["x"], EVIL: 1.0, "=cmd": 2.0, "[red]": -1.5}})


def test(trial):
    return {{EVIL: 0.5, "[green]": EVIL, "accuracy": 1.0}}
"""
SPEC = """\
version: 1
name: victim
train: loud:train
test: loud:test
metric: {name: "val_loss", goal: minimize}
epochs: 2
parameters:
  x: {min: 0.0, max: 1.0}
  text: {values: ["=1+1", "[bold]@SUM(A1)[/bold]"]}
  mixed: {values: ["-1", -1.5, "=2"]}
enqueue: [{x: 0.1, text: "=1+1", mixed: -1.5}, {x: 0.2, text: "[bold]@SUM(A1)[/bold]", mixed: "=2"}]
budget: {trials: 3}
pruner: none
engine: ENGINE
"""


@pytest.fixture(scope="module", params=["inline", "local"])
def loud(request, tmp_path_factory):
    """(a finished sweep whose function says such things, what `sweep run` printed)."""
    victim = Victim(tmp_path_factory.mktemp("loud"))
    victim.project.mkdir()
    (victim.project / "loud.py").write_text(CODE)
    (victim.project / "victim.yaml").write_text(SPEC.replace("ENGINE", request.param))
    return victim, victim.sweep("run", "victim.yaml")


def is_safe(text):
    return all(char.isprintable() or char in "\n\t" for char in text)


def test_a_run_prints_none_of_it(loud):
    _, ran = loud
    assert ran.code == 3
    own = ran.err.replace(ESCAPES, "").replace("\r overwritten", "")  # inline, the function prints by itself
    assert is_safe(ran.out) and is_safe(own)
    assert "[bold red]x[/] [link=http://evil.example]" in own  # said as it is, not obeyed
    assert "\\x1b[2J" in own and "\\u202e" in own


def test_no_command_prints_it(loud):
    victim, _ = loud
    show, as_json, *_ = victim.survives()
    assert "[bold]@SUM(A1)[/bold]" in show.out  # rich would have swallowed the brackets
    assert "\\x1b[2J" in victim.sweep("logs", "victim", "0").out
    error = json.loads(victim.sweep("trials", "victim", "--json").out)["trials"][1]["error"]
    assert ESCAPES in error  # JSON escapes; what it means is what it was
    assert json.loads(as_json.out)["best"]["test"][f"{ESCAPES}{MARKUP}"] == 0.5


def test_cells_that_a_spreadsheet_would_run_are_quoted_and_numbers_are_not(loud):
    victim, _ = loud
    for text in (victim.sweep("trials", "victim").out, victim.paths.trials_csv.read_text()):
        assert is_safe(text)
        rows = list(csv.DictReader(io.StringIO(text)))
        assert rows[0]["params.text"] == "'=1+1"
        assert (
            rows[0]["info.=fact"] == "'=1+1"
            and rows[0]["info.plus"] == "'+1"
            and rows[0]["info.tab"] == "'\tx"
        )
        assert rows[0]["info.good"] == "a, b" and rows[0]["params.mixed"] == "-1.5"
        assert float(rows[0]["best.[red]"]) == -1.5
        assert rows[1]["error"].startswith("ValueError: \\x1b[2J")
        assert not any(
            cell[:1] in "=+@\t\r" or (cell[:1] == "-" and not _number(cell)) for cell in _cells(rows)
        )
    trials = sweeps.load(victim.paths.root).trials
    assert trials["params.text"][0] == "=1+1" and trials["info.tab"][0] == "\tx"
    assert trials["params.mixed"].tolist()[:2] == [-1.5, "=2"]


def _cells(rows):
    return [cell for row in rows for cell in row.values() if cell]


def _number(cell):
    return isinstance(float(cell), float)


def test_the_live_picture_shows_names_as_they_are():
    progress = Progress(metric=f"[red]loss{ESCAPES}", states={f"[x]{ESCAPES}": 1}, best=(0, 0.5), started=1)
    progress.running[0] = Running(f"[blink]worker{ESCAPES}", f"[u]latest{ESCAPES}")
    console = Console(file=io.StringIO(), force_terminal=True, width=300, color_system=None)
    console.print(render(progress))
    text = console.file.getvalue()
    assert is_safe(text) and "[blink]worker" in text and "[u]latest" in text and "[red]loss" in text


def test_a_folder_of_a_strange_name_is_named_in_full(loud, tmp_path):
    victim, _ = loud
    strange = "\x1b[31mred\u202e[bold]"
    for command in (("show", strange), ("check", strange), ("run", f"{strange}.yaml"), ("verify", strange)):
        ended = victim.sweep(*command)
        assert ended.code == 2 and is_safe(ended.err + ended.out) and "\\x1b[31mred" in ended.err


def test_printable_text():
    assert printable("a\x1b[1m\n\u202e\ud800é") == "a\\x1b[1m\\n\\u202e\\ud800é"
    assert printable_lines("a\tb\nc\r\x85") == "a\tb\nc\\r\\x85"
    document = {"\x9b": ["\u202e", "\U000e0001", "é", 1.5]}
    text = json.dumps(document, ensure_ascii=False, indent=1)
    assert json.loads(printable_json(text)) == document and is_safe(printable_json(text))
