"""Killed at any moment and run again, a trial ends as if nothing had happened."""

from __future__ import annotations

import random
import subprocess
import sys

from sweeps.messages import Returned
from sweeps.trial import run_attempt
from tests.trial.helpers import Recorder, Training, make_spec

# Attempts run in forks of a process that has only imported torch; all but the last are killed after a while.
KILLED_ATTEMPTS = """
import os, pathlib, signal, sys, time, torch
from sweeps.trial import run_attempt
from tests.trial.helpers import Recorder, Training, make_spec

for attempt, delay in enumerate([*map(float, sys.argv[2:]), 60.0], start=1):
    if (child := os.fork()) == 0:
        spec = make_spec(pathlib.Path(sys.argv[1]), attempt=attempt, epochs=40)
        run_attempt(Training(LOSSES), spec, Recorder(), "cpu")
        os._exit(7)
    deadline = time.monotonic() + delay
    while (ended := os.waitpid(child, os.WNOHANG))[0] == 0 and time.monotonic() < deadline:
        time.sleep(0.001)
    if ended[0] == 0:
        os.kill(child, signal.SIGKILL)
        ended = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(ended[1]))
"""


def test_random_kills_do_not_change_the_result(tmp_path):
    chance = random.Random(20)
    losses = tuple(chance.random() for _ in range(40))
    whole, channel = Training(losses), Recorder()
    assert run_attempt(whole, make_spec(tmp_path / "whole", epochs=40), channel, "cpu") == Returned()

    delays = [str(chance.uniform(0.0, 0.15)) for _ in range(8)]
    code = KILLED_ATTEMPTS.replace("LOSSES", repr(losses))
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "killed"), *delays],
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.split()[0] == "-9"
    assert done.stdout.split()[-1] == "7"

    last = Training(losses)
    again = Recorder()
    assert (
        run_attempt(last, make_spec(tmp_path / "killed", attempt=99, epochs=40), again, "cpu") == Returned()
    )
    assert again.reports == []  # all epochs are done
    assert last.final_weight == whole.final_weight
