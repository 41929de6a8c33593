"""The epoch loop: what it yields, saves, restores and refuses."""

from __future__ import annotations

import pytest
import torch

from sweeps.messages import Interrupted, Raised, Returned
from sweeps.trial import Trial, run_attempt
from tests.trial.helpers import LOSSES, Recorder, Training, make_spec, stop_at


def test_a_finished_trial_ends_with_the_best_epochs_state(tmp_path):
    training, channel = Training(), Recorder()
    assert run_attempt(training, make_spec(tmp_path / "0007"), channel, "cpu") == Returned()
    assert channel.epochs == [1, 2, 3, 4, 5, 6]
    assert training.final_weight == training.weights[5] != training.weights[6]


def test_the_best_epoch_follows_the_goal_and_needs_strict_improvement(tmp_path):
    training = Training(losses=(1.0, 3.0, 2.0, 3.0, float("nan"), 0.0))
    run_attempt(training, make_spec(tmp_path, goal="maximize"), Recorder(), "cpu")
    assert training.final_weight == training.weights[2]


def test_an_objective_that_is_never_finite_leaves_the_last_state(tmp_path):
    training = Training(losses=(float("nan"),) * 6)
    assert run_attempt(training, make_spec(tmp_path), Recorder(), "cpu") == Returned()
    assert training.final_weight == training.weights[6]


@pytest.mark.parametrize("reason", ["interrupted", "asha"])
def test_interrupted_or_failed_then_resumed_equals_uninterrupted(tmp_path, reason):
    whole, channel = Training(), Recorder()
    run_attempt(whole, make_spec(tmp_path / "whole"), channel, "cpu")

    first, second = stop_at(4, "interrupted"), Recorder()
    parts = Training()
    if reason == "interrupted":
        assert run_attempt(parts, make_spec(tmp_path / "parts"), first, "cpu") == Interrupted()
        expected = [5, 6]
    else:  # fails between the report of epoch 4 and its last.pt: epoch 4 is trained again
        failing = Training(fail_after_report=4)
        assert run_attempt(failing, make_spec(tmp_path / "parts"), first, "cpu") == Interrupted()
        expected = [4, 5, 6]
    torch.manual_seed(99)
    assert run_attempt(parts, make_spec(tmp_path / "parts", attempt=2), second, "cpu") == Returned()
    assert second.epochs == expected
    assert second.reports == channel.reports[-len(expected) :]
    assert (parts.final_weight, parts.final_rate) == (whole.final_weight, whole.final_rate)


def test_the_best_of_an_earlier_attempt_still_has_to_be_beaten(tmp_path):
    losses = (5.0, 1.0, 3.0, 2.0, 2.0, 4.0)  # later epochs improve on each other, not on epoch 2
    training = Training(losses)
    run_attempt(training, make_spec(tmp_path), stop_at(3, "interrupted"), "cpu")
    best = training.weights[2]
    run_attempt(training, make_spec(tmp_path, attempt=2), Recorder(), "cpu")
    assert training.final_weight == best


def test_a_best_epoch_that_was_lost_in_a_crash_is_not_believed(tmp_path):
    # Epoch 3 was saved as best, then the process failed before last.pt: only epoch 1's best counts on resume.
    run_attempt(
        Training((2.0, 3.0, 1.0, 9.0, 9.0, 9.0), fail_after_report=3), make_spec(tmp_path), Recorder(), "cpu"
    )
    again = Training((2.0, 3.0, 2.5, 9.0, 9.0, 9.0))
    first = Training((2.0,) * 6)
    run_attempt(first, make_spec(tmp_path / "other"), Recorder(), "cpu")
    run_attempt(again, make_spec(tmp_path, attempt=2), Recorder(), "cpu")
    assert again.final_weight == first.weights[1]


def test_all_epochs_done_but_not_returned_yields_nothing_and_restores_the_best(tmp_path):
    training = Training()
    assert run_attempt(training, make_spec(tmp_path), stop_at(6, "interrupted"), "cpu") == Interrupted()
    channel = Recorder()
    assert run_attempt(training, make_spec(tmp_path, attempt=2), channel, "cpu") == Returned()
    assert channel.epochs == []
    assert training.final_weight == training.weights[5]


@pytest.mark.parametrize(
    ("reason", "restored"), [("early_stopping", True), ("asha", False), ("budget", False)]
)
def test_a_stop_ends_the_loop_and_only_a_complete_trial_gets_its_best_back(tmp_path, reason, restored):
    training, channel = Training(), stop_at(4, reason)
    assert run_attempt(training, make_spec(tmp_path), channel, "cpu") == Returned()
    assert channel.epochs == [1, 2, 3, 4]
    assert training.final_weight == training.weights[3 if restored else 4]


def test_best_is_on_disk_before_the_controller_hears_of_it(tmp_path):
    def answer(epoch):
        saved = torch.load(tmp_path / "best.pt", weights_only=True)
        assert saved["value"] == min(LOSSES[:epoch])
        return stop_at(99, "").answer(epoch)

    assert run_attempt(Training(), make_spec(tmp_path), Recorder(answer), "cpu") == Returned()


def test_a_break_leaves_the_loop_as_any_loop(tmp_path):
    def train(trial: Trial):
        for epoch in trial.epochs():
            trial.report(val_loss=1.0)
            if epoch == 2:
                break
        trial.report(val_loss=0.5, epoch=3)

    channel = Recorder()
    assert run_attempt(train, make_spec(tmp_path), channel, "cpu") == Returned()
    assert channel.epochs == [1, 2, 3]


def test_without_objects_nothing_is_saved_and_every_attempt_starts_at_one(tmp_path):
    def train(trial: Trial):
        for _ in trial.epochs():
            trial.report(val_loss=1.0)

    run_attempt(train, make_spec(tmp_path), stop_at(2, "interrupted"), "cpu")
    channel = Recorder()
    run_attempt(train, make_spec(tmp_path, attempt=2), channel, "cpu")
    assert channel.epochs == [1, 2, 3, 4, 5, 6]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["metrics.jsonl"]


def test_a_finished_trial_keeps_two_checkpoints_and_their_hashes(tmp_path):
    run_attempt(Training(), make_spec(tmp_path), Recorder(), "cpu")
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"best.pt", "best.pt.sha256", "last.pt", "last.pt.sha256", "metrics.jsonl"}


def no_report(trial):
    for _ in trial.epochs():
        pass


def two_reports(trial):
    for _ in trial.epochs():
        trial.report(val_loss=1.0)
        trial.report(val_loss=1.0)


def wrong_epoch(trial):
    for _ in trial.epochs():
        trial.report(val_loss=1.0, epoch=2)


def two_loops(trial):
    for _ in range(2):
        for _ in trial.epochs():
            trial.report(val_loss=1.0)


def stateless(trial):
    for _ in trial.epochs(width=3):
        pass


def other_objects(trial):
    for _ in trial.epochs(network=torch.nn.Linear(3, 2)):
        pass


def other_shape(trial):
    for _ in trial.epochs(model=torch.nn.Linear(9, 2)):
        pass


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (
            no_report,
            "ReportError: epoch 1 ended without a report: call trial.report(...) exactly once an epoch",
        ),
        (two_reports, "ReportError: epoch 1 was reported twice: call report exactly once an epoch"),
        (wrong_epoch, "ReportError: report got epoch=2 inside epoch 1: leave it out"),
        (two_loops, "TrialError: trial.epochs() is one loop over a trial's epochs"),
        (stateless, "TrialError: 'width' is a int without state_dict() and load_state_dict()"),
        (other_objects, "holds 'model', 'optimizer', 'scheduler', 'order' but not 'network'"),
        (other_shape, "does not fit the 'model' that was passed"),
    ],
)
def test_misuse_is_explained(tmp_path, function, message):
    run_attempt(Training(), make_spec(tmp_path), stop_at(2, "interrupted"), "cpu")
    outcome = run_attempt(function, make_spec(tmp_path, attempt=2), Recorder(), "cpu")
    assert isinstance(outcome, Raised)
    assert message in outcome.message
