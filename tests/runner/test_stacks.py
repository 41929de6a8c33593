"""A function that hangs is told with its own line, however much lies under or above it."""

from __future__ import annotations

import sweeps

CODE = """
import time


def train(trial):
    deeper(30)


def deeper(depth):
    if depth:
        deeper(depth - 1)
    else:
        hangs_here()


def hangs_here():
    time.sleep(60)
"""
SPEC = """
version: 1
name: toy
train: hangs_deep:train
epochs: 1
parameters: {x: {values: [1]}}
budget: {trials: 1}
timeout: {report: 1s}
workers: 1
"""


def test_a_hang_is_told_with_the_line_that_hangs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hangs_deep.py").write_text(CODE)
    (tmp_path / "toy.yaml").write_text(SPEC)
    told = next(note for note in sweeps.run("toy.yaml").notes if "failed with hang" in note)
    assert "in hangs_here" in told and len(told.splitlines()) <= 21
    assert "forkserver" not in told and "run_attempt" not in told
