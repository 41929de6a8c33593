"""When the model is asked, whatever it answers: see tests/surrogate for that."""

from __future__ import annotations

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


def test_a_trial_is_looked_at_the_more_seldom_the_longer_it_has_trained():
    assert looks(100) == [3, 4, 5, 7, 9, 13, 17, 22, 29, 39, 52, 69]
    assert looks(3) == looks(1) == []
