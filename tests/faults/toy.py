"""The project that faults are injected into: copied into a folder of its own as ``toy.py``."""

from __future__ import annotations

import time

import torch

from tests.faults.inject import WORKER, install

install(WORKER)


def trains(trial):
    """A real state to go on from; every epoch that was really computed leaves a line in ``executed``."""
    model = torch.nn.Linear(1, 1)
    for epoch in trial.epochs(model=model):
        with open("executed", "a") as file:
            file.write(f"{trial.number} {trial.attempt} {epoch}\n")
        with torch.no_grad():
            model.weight.fill_(100 * trial.number + epoch)
        time.sleep(trial.config["pace"])
        trial.report(val_loss=trial.config["x"] + 1 / epoch)


def test(trial):
    with open("tested", "a") as file:
        file.write(f"{trial.number}\n")
    time.sleep(trial.config["pace"])
    return {"accuracy": 1.0 - trial.config["x"]}
