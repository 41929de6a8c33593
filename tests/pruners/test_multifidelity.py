"""When the model is asked, whatever it answers: see tests/surrogate for that."""

from __future__ import annotations

import pytest

from sweeps.pruners.multifidelity import MultiFidelityPruner, looks
from sweeps.seeding import generator
from sweeps.space import Float, Parameter, Space
from sweeps.study.record import TrialRecord
from sweeps.surrogate import CurveModel

EPOCHS = 100
SPACE = Space((Parameter("x", Float(0.0, 1.0)),))


def stops(every: int, trials: int = 15) -> list[int]:
    """The epochs at which trials that report every so many epochs are stopped."""
    records: list[TrialRecord] = []
    model = CurveModel(SPACE, "minimize", EPOCHS)
    pruner = MultiFidelityPruner(model=model, records=records, epochs=EPOCHS)
    found = []
    for number, x in enumerate(generator(1).random(trials)):
        record = TrialRecord(number, {"x": float(x)})
        records.append(record)
        for epoch in range(every, EPOCHS, every):
            record.observe(epoch, float(x) + 1.0 / epoch, "minimize")
            if pruner.report(number, epoch, record.value):
                found.append(epoch)
                record.state = "PRUNED"
                break
        else:
            record.state = "COMPLETE"
        pruner.ended(record)
    return found


@pytest.mark.parametrize("every", [1, 3, 10, 40])
def test_trials_that_do_not_report_every_epoch_are_judged_too(every):
    found = stops(every)
    assert len(found) >= 5
    assert max(found) <= 90  # the last tenth is soon over


def test_a_trial_is_looked_at_the_more_seldom_the_longer_it_has_trained():
    assert looks(100) == [3, 4, 5, 7, 9, 13, 17, 22, 29, 39, 52, 69]
    assert looks(3) == looks(1) == []
