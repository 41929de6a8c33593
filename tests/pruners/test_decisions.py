"""The incremental pruners decide as Optuna's own do, and after a resume as if there had been none."""

from __future__ import annotations

import numpy as np
import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweeps.errors import UsageError
from sweeps.pruners import make_pruner
from sweeps.pruners.percentile import percentile_of
from tests.fuzz.examples import few
from tests.pruners.streams import NAME, Peer, Stream, ask

WAIT = st.fixed_dictionaries(
    {},
    optional={
        "n_startup_trials": st.integers(0, 6),
        "n_warmup_steps": st.integers(0, 6),
        "interval_steps": st.integers(1, 4),
        "n_min_trials": st.integers(1, 4),
    },
)
OPTIONS = {
    "median": WAIT,
    "percentile": st.builds(
        lambda options, percentile: {**options, "percentile": percentile},
        WAIT,
        st.floats(0, 100) | st.sampled_from([0.0, 25.0, 33.3, 75.0, 100.0]),
    ),
    "hyperband": st.fixed_dictionaries(
        {"reduction_factor": st.integers(2, 4)},
        optional={"min_resource": st.integers(1, 3), "bootstrap_count": st.integers(0, 3)},
    ),
    "asha": st.fixed_dictionaries({"reduction_factor": st.integers(2, 4), "min_epochs": st.integers(1, 3)}),
}
SEEDS = st.integers(0, 2**32 - 1)
GOALS = st.sampled_from(["minimize", "maximize"])
EPOCHS = st.sampled_from([3, 9, 10, 27])


def peer_of(name: str, options: dict, epochs: int) -> optuna.pruners.BasePruner:
    if name == "hyperband":
        return optuna.pruners.HyperbandPruner(max_resource=epochs, **options)
    if name == "asha":
        factor = options["reduction_factor"]
        return optuna.pruners.SuccessiveHalvingPruner(options["min_epochs"], factor)
    kind = {"median": optuna.pruners.MedianPruner, "percentile": optuna.pruners.PercentilePruner}[name]
    return kind(**options)


@pytest.mark.parametrize("name", OPTIONS)
@few(40)
@given(data=st.data(), seed=SEEDS, goal=GOALS, epochs=EPOCHS, reruns_differ=st.booleans())
def test_every_decision_is_optunas(name, data, seed, goal, epochs, reruns_differ):
    options = data.draw(OPTIONS[name])
    stream = Stream(seed, epochs, goal, reruns_differ)
    ours = make_pruner(name, options, goal=goal, epochs=epochs, parts={"study": NAME})
    peer = Peer(peer_of(name, options, epochs), stream)
    for record, epoch in stream.steps(300):
        decision = ask(ours, stream, record, epoch)
        assert decision == peer.ask(record, epoch), (record, epoch)
        if decision:
            stream.prune(record)


@pytest.mark.parametrize("name", OPTIONS)
@few(40)
@given(data=st.data(), seed=SEEDS, goal=GOALS, epochs=EPOCHS, cut=st.integers(0, 250))
def test_a_pruner_that_takes_up_a_sweep_anywhere_decides_as_one_that_saw_it_all(
    name, data, seed, goal, epochs, cut
):
    options = data.draw(OPTIONS[name])
    stream = Stream(seed, epochs, goal)
    whole, resumed = (
        make_pruner(name, options, goal=goal, epochs=epochs, parts={"study": NAME}) for _ in range(2)
    )
    for count, (record, epoch) in enumerate(stream.steps(300)):
        decision = ask(whole, stream, record, epoch)
        if count > cut:
            assert ask(resumed, stream, record, epoch) == decision, (record, epoch)
        if decision:
            stream.prune(record)
        if count == cut:
            resumed.replay(stream.records)


@pytest.mark.parametrize("name", OPTIONS)
def test_the_streams_prune_and_spare(name):
    """Otherwise the properties above would hold of nothing."""
    options = {"percentile": {"percentile": 70.0}}.get(name, {})
    stream = Stream(1, 9, "minimize")
    pruner = make_pruner(name, options, goal="minimize", epochs=9, parts={"study": NAME})
    decisions = []
    for record, epoch in stream.steps(1000):
        decisions.append(ask(pruner, stream, record, epoch))
        if decisions[-1]:
            stream.prune(record)
    assert all(decisions.count(decision) > 15 for decision in (True, False, None))


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("median", {"n_startup_trials": -1}, "n_startup_trials must be at least 0, not -1"),
        ("median", {"interval_steps": 0}, "interval_steps must be at least 1, not 0"),
        ("percentile", {"percentile": 100.5}, "percentile must be from 0 to 100, not 100.5"),
        ("percentile", {"percentile": 50, "n_min_trials": 0}, "n_min_trials must be at least 1, not 0"),
        ("hyperband", {"min_resource": 10}, "min_resource must be from 1 to the sweep's 9 epochs, not 10"),
        ("hyperband", {"reduction_factor": 1}, "reduction_factor must be at least 2, not 1"),
        ("hyperband", {"bootstrap_count": -1}, "bootstrap_count must be at least 0, not -1"),
    ],
)
def test_options_out_of_range_are_refused(name, options, said):
    with pytest.raises(UsageError, match=said):
        make_pruner(name, options, goal="minimize", epochs=9)


@few(100)
@given(
    values=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=40),
    percentile=st.floats(0, 100),
)
def test_percentiles_are_numpys_to_the_last_bit(values, percentile):
    """One bit decides between a trial and its equal."""
    with np.errstate(all="ignore"):
        expected = float(np.percentile(values, percentile))
    assert repr(percentile_of(sorted(values), percentile)) == repr(expected)
