"""Killed at any moment and run again, a trial ends as if nothing had happened."""

from __future__ import annotations

import json
import random
import subprocess
import sys

import pytest
import torch

from sweeps.messages import Returned
from sweeps.trial import run_attempt
from tests.trial.helpers import Recorder, Training, make_spec

# Attempts run in forks of a process that has only imported torch; each is killed a moment after so many lines
# of metrics.jsonl, save the last, which nothing kills.
KILLED_ATTEMPTS = """
import os, pathlib, signal, sys, time, torch
from sweeps.trial import run_attempt
from tests.trial.helpers import Recorder, Training, make_spec

torch.set_num_threads(1)
torch.optim.AdamW([torch.ones(1, requires_grad=True)])  # imports a second's worth, once instead of per fork
folder = pathlib.Path(sys.argv[1])
metrics = folder / "metrics.jsonl"
kills = [(int(lines), float(delay)) for lines, delay in (word.split(":") for word in sys.argv[2:])]

def lines():
    return metrics.read_bytes().count(b"\\n") if metrics.exists() else 0

for attempt, (more, delay) in enumerate([*kills, (10**9, 0.0)], start=1):
    before = lines()
    if (child := os.fork()) == 0:
        run_attempt(Training(LOSSES), make_spec(folder, attempt=attempt, epochs=40), Recorder(), "cpu")
        os._exit(7)
    while (ended := os.waitpid(child, os.WNOHANG))[0] == 0 and lines() < before + more:
        time.sleep(0.0005)
    if ended[0] == 0:
        time.sleep(delay)
        os.kill(child, signal.SIGKILL)
        ended = os.waitpid(child, 0)
    print("ended", os.waitstatus_to_exitcode(ended[1]), flush=True)
"""


@pytest.fixture
def _one_thread():
    """Sums depend on the number of threads in the last digit."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("_one_thread")
def test_random_kills_do_not_change_the_result(tmp_path):
    chance = random.Random(20)
    losses = tuple(chance.random() for _ in range(40))
    whole, channel = Training(losses), Recorder()
    assert run_attempt(whole, make_spec(tmp_path / "whole", epochs=40), channel, "cpu") == Returned()

    kills = [f"{chance.randint(2, 6)}:{chance.uniform(0.0, 0.01)}" for _ in range(5)]
    code = KILLED_ATTEMPTS.replace("LOSSES", repr(losses))
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "killed"), *kills],
        check=True,
        capture_output=True,
        text=True,
    )
    ends = [line for line in done.stdout.splitlines() if line.startswith("ended")]
    assert ends == ["ended -9"] * 5 + ["ended 7"]
    rows = [json.loads(line) for line in (tmp_path / "killed" / "metrics.jsonl").read_text().splitlines()]
    first = {row["attempt"]: row["epoch"] for row in reversed(rows)}
    assert list(first) == [6, 5, 4, 3, 2, 1]
    assert all(first[attempt] > 1 for attempt in range(2, 7))  # each went on in the middle
    last_told = {row["epoch"]: row["metrics"]["weight"] for row in rows}
    assert last_told == {epoch: metrics["weight"] for epoch, metrics in channel.reports}

    last = Training(losses)
    again = Recorder()
    assert (
        run_attempt(last, make_spec(tmp_path / "killed", attempt=99, epochs=40), again, "cpu") == Returned()
    )
    assert again.reports == []  # all epochs are done
    assert last.final_weight == whole.final_weight
