"""The training, for sweeps: a state that is saved and restored."""

from __future__ import annotations

from benchmarks.faults import toy


class State:
    epoch = 0

    def state_dict(self):
        return {"epoch": self.epoch}

    def load_state_dict(self, state):
        self.epoch = state["epoch"]


def train(trial):
    state = State()
    losses = None
    for epoch in trial.epochs(state=state):
        losses = losses or toy.losses(trial.config["x"], state.epoch + 1)
        state.epoch, loss = next(losses)
        trial.report(val_loss=loss)
        assert state.epoch == epoch
