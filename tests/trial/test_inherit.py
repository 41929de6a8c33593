"""Another trial's state under a configuration of one's own."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from sweeps.errors import CheckpointError
from sweeps.messages import Exploit
from sweeps.paths import TrialPaths
from sweeps.trial import run_attempt
from sweeps.trial.checkpoint import Checkpoint
from sweeps.trial.handover import link_checkpoint
from sweeps.trial.inherit import keep_hyperparameters
from tests.trial.helpers import Recorder, make_spec

SCHEDULERS = {
    "none": lambda opt: None,
    "step": lambda opt: torch.optim.lr_scheduler.StepLR(opt, 2, gamma=0.5),
    "cosine": lambda opt: torch.optim.lr_scheduler.CosineAnnealingLR(opt, 10),
    "lambda": lambda opt: torch.optim.lr_scheduler.LambdaLR(opt, lambda epoch: 0.9**epoch),
    "onecycle": lambda opt: torch.optim.lr_scheduler.OneCycleLR(
        opt, max_lr=opt.param_groups[0]["lr"], total_steps=10, cycle_momentum=False
    ),
    "warmup": lambda opt: torch.optim.lr_scheduler.SequentialLR(
        opt,
        [
            torch.optim.lr_scheduler.LinearLR(opt, 0.1, total_iters=3),
            torch.optim.lr_scheduler.ExponentialLR(opt, 0.8),
        ],
        [3],
    ),
}


class Setup:
    """A model with its optimizer and scheduler; `rates` are those of the epochs trained so far."""

    def __init__(self, schedule: str, lr: float, decay: float) -> None:
        self.model = torch.nn.Linear(2, 1)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=lr, weight_decay=decay)
        self.scheduler = SCHEDULERS[schedule](self.optimizer)
        self.rates: list[float] = []

    @property
    def objects(self):
        objects = {"model": self.model, "optimizer": self.optimizer, "scheduler": self.scheduler}
        return {name: value for name, value in objects.items() if value is not None}

    def train(self, epochs: int) -> None:
        for _ in range(epochs):
            self.rates.append(float(self.optimizer.param_groups[0]["lr"]))
            self.optimizer.zero_grad()
            self.model(torch.ones(4, 2)).sum().backward()
            self.optimizer.step()
            if self.scheduler:
                self.scheduler.step()


@pytest.mark.parametrize("schedule", SCHEDULERS)
def test_rates_go_on_as_if_the_new_one_had_been_there_from_the_start(schedule):
    parent, child, expected = Setup(schedule, 0.1, 0.01), Setup(schedule, 0.3, 0.5), Setup(schedule, 0.3, 0.5)
    parent.train(4)
    expected.train(9)
    state = {name: value.state_dict() for name, value in parent.objects.items()}
    keep_hyperparameters(state, {name: value.state_dict() for name, value in child.objects.items()})
    for name, value in child.objects.items():
        value.load_state_dict(state[name])
    assert torch.equal(child.model.weight, parent.model.weight)
    moments = child.optimizer.state[child.model.weight]
    assert moments["step"] == 4 and moments["exp_avg"].abs().sum() > 0
    if child.scheduler:
        assert child.scheduler.get_last_lr() == pytest.approx([child.optimizer.param_groups[0]["lr"]])
    child.train(5)
    assert child.rates == pytest.approx(expected.rates[4:])
    assert child.optimizer.param_groups[0]["weight_decay"] == 0.5


def attempt(folder, losses, values, *, fail_at=None, **keys):
    """One attempt that trains one number by counting up, and leaves epoch by epoch in ``values``."""
    spec = replace(make_spec(folder), **keys)

    def train(trial):
        model = torch.nn.Linear(1, 1, bias=False)
        torch.nn.init.zeros_(model.weight)
        for epoch in trial.epochs(model=model):
            model.weight.data += 1
            values.append((epoch, model.weight.item()))
            trial.report(val_loss=losses[epoch - 1])
            if epoch == fail_at:
                raise RuntimeError("killed here")
        values.append(("end", model.weight.item()))

    return run_attempt(train, spec, Recorder(), "cpu")


def best(folder):
    state = Checkpoint(TrialPaths(folder).best).load()
    return state["epoch"], state["objects"]["model"]["weight"].item()


@pytest.fixture
def family(tmp_path):
    """A parent and a child that pause after epoch 2, the child's weight being 100 ahead."""
    parent, child = tmp_path / "0001", tmp_path / "0007"
    attempt(parent, [2, 1], [], pause_at=2)
    attempt(child, [9, 8], [], pause_at=2)
    state = Checkpoint(TrialPaths(child).best).load()
    assert (state["epoch"], state["value"]) == (2, 8)
    Checkpoint(TrialPaths(parent).last).load()
    weights = Checkpoint(TrialPaths(parent).last)
    held = weights.load()
    held["objects"]["model"]["weight"] += 100
    weights.save(held)
    link_checkpoint(TrialPaths(parent), TrialPaths(child))
    return parent, child


EXPLOIT = Exploit(1, 2)


def test_the_parents_weights_and_the_own_best(family):
    _, child = family
    values = []
    attempt(child, [9, 8, 8.5, 8.2], values, attempt=2, epochs=4, exploit=EXPLOIT)
    # The best epoch is of another configuration: the loop leaves the last state where it is.
    assert values == [(3, 103.0), (4, 104.0), ("end", 104.0)]
    assert best(child) == (2, 2.0)


def test_a_better_epoch_after_it_becomes_the_best(family):
    _, child = family
    values = []
    attempt(child, [9, 8, 7, 8], values, attempt=2, epochs=4, exploit=EXPLOIT)
    assert values[-1] == ("end", 103.0)
    assert best(child) == (3, 103.0)


def test_an_attempt_cut_short_before_its_first_save_begins_there_again(family):
    _, child = family
    values = []
    attempt(child, [9, 8, 7, 6], values, attempt=2, epochs=4, exploit=EXPLOIT, fail_at=3)
    assert best(child) == (3, 103.0)  # one report ahead of what can be gone on from
    attempt(child, [9, 8, 8.5, 8.2], values, attempt=3, epochs=4, exploit=EXPLOIT)
    assert values == [(3, 103.0), (3, 103.0), (4, 104.0), ("end", 104.0)]
    assert best(child) == (2, 2.0)


def test_later_attempts_go_on_from_their_own(family):
    _, child = family
    values = []
    attempt(child, [9, 8, 7, 6], values, attempt=2, epochs=6, exploit=EXPLOIT, pause_at=4)
    assert not TrialPaths(child).inherited.exists()
    attempt(child, [9, 8, 7, 6, 5, 4], values, attempt=3, epochs=6, exploit=EXPLOIT)
    assert values == [(3, 103.0), (4, 104.0), ("end", 104.0), (5, 105.0), (6, 106.0), ("end", 106.0)]


def test_the_parent_may_go_on_meanwhile(family):
    parent, child = family
    values = []
    attempt(parent, [2, 1, 1, 1], [], attempt=2, epochs=4)
    attempt(child, [9, 8, 7, 6], values, attempt=2, epochs=4, exploit=EXPLOIT)
    assert values[0] == (3, 103.0)


def test_where_there_are_no_links_it_is_a_copy(family, monkeypatch):
    import os

    parent, child = family

    def refused(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    link_checkpoint(TrialPaths(parent), TrialPaths(child))
    assert not TrialPaths(child).inherited.samefile(TrialPaths(parent).last)
    assert Checkpoint(TrialPaths(child).inherited).load()["epoch"] == 2


def test_a_damaged_inheritance_is_told(family):
    _, child = family
    TrialPaths(child).inherited.unlink()
    TrialPaths(child).inherited.write_bytes(b"junk")
    outcome = attempt(child, [9, 8, 7, 6], [], attempt=2, epochs=4, exploit=EXPLOIT)
    assert CheckpointError.__name__ in outcome.message and "inherited.pt is damaged" in outcome.message


def test_an_attempt_restored_at_its_pause_trains_nothing(tmp_path):
    values = []
    attempt(tmp_path, [2, 1], [], pause_at=2)
    attempt(tmp_path, [2, 1], values, attempt=2, pause_at=2)
    assert values == [("end", 2.0)]
