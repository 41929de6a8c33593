"""When the model is asked, whatever it answers: see tests/surrogate for that."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Iterable

import pytest

from sweeps.pruners.multifidelity import MultiFidelityPruner, looks
from sweeps.seeding import generator
from sweeps.space import Float, Parameter, Space
from sweeps.study.record import Further, TrialRecord
from sweeps.surrogate import CurveModel

EPOCHS = 100
SPACE = Space((Parameter("x", Float(0.0, 1.0)),))


def trained(places: Iterable[float], every: int = 1, least: float = 0.0) -> list[TrialRecord]:
    """Trials at ``places``, one after the other, the better the lower, that report every so many epochs;
    those below ``least`` break a constraint.
    """
    records: list[TrialRecord] = []
    model = CurveModel(SPACE, "minimize", EPOCHS)
    pruner = MultiFidelityPruner(model=model, records=records, epochs=EPOCHS)
    for number, x in enumerate(places):
        record = TrialRecord(number, {"x": x}, state="RUNNING")
        records.append(record)
        for epoch in range(every, EPOCHS, every):
            record.observe(epoch, x + 1.0 / epoch, "minimize", Further({}, (max(least - x, 0.0),)))
            if pruner.report(number, epoch, record.value):
                record.state = "PRUNED"
                break
        else:
            record.state = "COMPLETE"
        pruner.ended(record)
    return records


@pytest.mark.parametrize("every", [1, 3, 10, 40])
def test_trials_that_do_not_report_every_epoch_are_judged_too(every):
    records = trained(generator(1).random(15).tolist(), every)
    stops = [record.epochs for record in records if record.state == "PRUNED"]
    assert len(stops) >= 5
    assert max(stops) <= 90  # the last tenth is soon over


def test_a_trial_is_compared_with_those_that_hold_the_constraints():
    better, holding = [0.1, 0.3, 0.2, 0.05, 0.15, 0.25], [0.6, 0.7, 0.65, 0.9, 0.95]
    first, *others = [record.state for record in trained(better + holding, least=0.5)[len(better) :]]
    assert first == "COMPLETE" and others == ["PRUNED"] * 4


def begun_together(seed: int) -> list[TrialRecord]:
    """Eight trials whose loss is the same, but for noise, until epoch 40."""
    rng = generator(seed)
    records = [
        TrialRecord(number, {"x": x}, state="RUNNING") for number, x in enumerate(rng.random(8).tolist())
    ]
    pruner = MultiFidelityPruner(model=CurveModel(SPACE, "minimize", EPOCHS), records=records, epochs=EPOCHS)
    for epoch, record in itertools.product(range(1, EPOCHS + 1), records):
        if record.state == "RUNNING":
            loss = 2.3 if epoch < 40 else record.params["x"]
            record.observe(epoch, loss + 0.001 * rng.standard_normal(), "minimize")
            if pruner.report(record.number, epoch, record.value):
                record.state = "PRUNED"
                pruner.ended(record)
    return records


def test_while_no_trial_has_come_to_its_end_one_goes_on_and_the_others_are_given_time():
    records = [begun_together(seed) for seed in range(6)]
    assert all(any(record.epochs == EPOCHS for record in each) for each in records)
    assert (
        statistics.fmean(record.epochs for each in records for record in each if record.state == "PRUNED") > 8
    )


def test_a_trial_is_looked_at_the_more_seldom_the_longer_it_has_trained():
    assert looks(100) == [3, 4, 5, 7, 9, 13, 17, 22, 29, 39, 52, 69]
    assert looks(3) == looks(1) == []
