"""The word for hand-made curves, for noisy families of them, and what must not change it."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweeps.results.diagnosis import diagnose, smoothed

NAN, INF = math.nan, math.inf


def epochs(**metrics):
    """Rows of metrics given as lists, epoch by epoch from 1."""
    columns = [(name, values) for name, values in metrics.items() if values is not None]
    return [
        (epoch, {name: value for (name, _), value in zip(columns, row, strict=True)})
        for epoch, row in enumerate(zip(*(values for _, values in columns), strict=True), 1)
    ]


def word(train=None, val=None, accuracy=None, baseline=None):
    rows = epochs(train_loss=train, val_loss=val, val_accuracy=accuracy)
    return diagnose(rows, "val_loss", "minimize", baseline)


FALLING = [2.0, 1.2, 0.8, 0.5, 0.3, 0.2, 0.1, 0.05]
LEVEL = [2.0, 1.2, 0.8, 0.6, 0.52, 0.5, 0.5, 0.5]
RISING = [2.0, 1.2, 0.8, 0.7, 0.8, 0.9, 1.0, 1.1]  # best at 4
HIGH = [2.0, 1.8, 1.7, 1.65, 1.64, 1.63, 1.63, 1.63]
STEADY = [2.0, 1.9, 1.8, 1.7, 1.6, 1.5, 1.4, 1.3]
UP, DOWN = [0.1, 0.3, 0.5, 0.6, 0.65, 0.66, 0.66, 0.67], [0.1, 0.3, 0.5, 0.6, 0.58, 0.56, 0.54, 0.5]


@pytest.mark.parametrize(
    ("train", "val", "accuracy", "expected"),
    [
        (LEVEL, LEVEL, None, "good fit"),
        (FALLING, LEVEL, None, "good fit"),
        (FALLING, RISING, None, "overfitting since epoch 4"),
        (FALLING, RISING, DOWN, "overfitting since epoch 4"),
        (FALLING, RISING, UP, "overconfident since epoch 4"),
        (LEVEL, [v + 0.02 * max(0, e - 4) for e, v in enumerate(LEVEL)], None, "good fit"),  # hardly rises
        (FALLING[:4] + [0.5] * 4, RISING, None, "good fit"),  # training had ended: nothing was memorised
        (HIGH, HIGH, None, "underfitting"),
        (STEADY, STEADY, None, "still improving"),
        ([2.0, 1.8, 1.6, 1.4, 1.2, 1.0, 0.8, 0.6], HIGH, None, "good fit"),
        ([2.0, 1.0, 1.2, 1.5, 1.9, 2.4, 2.9, 3.0], RISING, None, "diverged"),
        ([2.0, 1.0, NAN, 0.5, 0.4, 0.3, 0.2, 0.1], LEVEL, None, "diverged"),
        (LEVEL, [2.0, 1.0, 0.5, 0.4, 0.3, 0.2, 0.1, INF], None, "diverged"),
        ([2.0, 2.1, 2.0, 2.1, 2.0, 2.1, 2.0, 2.1], LEVEL, None, "underfitting"),  # above its first, hardly
    ],
)  # fmt: skip
def test_each_rule(train, val, accuracy, expected):
    assert word(train, val, accuracy) == expected


def test_a_steep_first_epoch_is_not_taken_for_noise():
    val = [2.3, 0.6, 0.5, 0.6, 0.7, 0.8]
    assert word([2.3, 0.6, 0.5, 0.4, 0.3, 0.2], val) == "overfitting since epoch 3"


def test_one_bad_epoch_decides_nothing():
    spiked = [2.0, 1.2, 0.8, 0.6, 0.52, 0.5, 0.5, 0.9]
    assert word(LEVEL, spiked) == word(spiked, LEVEL) == "good fit"
    dipped = [2.0, 1.2, 0.8, 0.2, 0.52, 0.5, 0.5, 0.5]
    assert word(FALLING, dipped) == "good fit"


@pytest.mark.parametrize(
    ("baseline", "expected"), [(None, "good fit"), (1.6, "good fit"), (0.8, "underfitting")]
)
def test_the_recorded_baseline_is_what_a_model_must_beat(baseline, expected):
    assert word(LEVEL, LEVEL, baseline=baseline) == expected


def test_changes_that_are_nothing_against_the_baseline_do_not_count():
    tiny = [2.3, 0.1, 0.01, 0.004, 0.003, 0.004, 0.006, 0.008]
    assert word([2.3, 0.1, 0.01, 4e-3, 3e-3, 2e-3, 1e-3, 5e-4], tiny, baseline=2.3) == "good fit"


def test_the_epoch_is_the_reported_one():
    rows = epochs(train_loss=FALLING, val_loss=RISING)
    shifted = [(2 * epoch, metrics) for epoch, metrics in rows]
    assert diagnose(shifted, "val_loss", "minimize") == "overfitting since epoch 8"
    gaps = [(e, m) for e, m in zip(range(1, 9), (m for _, m in rows), strict=True)]
    gaps.insert(4, (4.5, {"train_loss": 0.4}))  # validated at every other epoch only
    assert diagnose(gaps, "val_loss", "minimize") == "overfitting since epoch 4"


@pytest.mark.parametrize("count", range(4))
def test_nothing_is_said_of_few_epochs(count):
    assert word(FALLING[:count] or None, RISING[:count] or None) is None
    assert diagnose(epochs(val_accuracy=UP[:count]), "val_accuracy", "maximize") is None


@pytest.mark.parametrize("count", [1, 2, 3])
def test_what_is_not_finite_needs_no_curve(count):
    assert word([NAN] * count, [1.0] * count) == "diverged"
    assert diagnose([(1, {"score": INF})], "score", "maximize") == "diverged"


@pytest.mark.parametrize(
    ("goal", "values", "expected"),
    [
        ("maximize", UP, None),  # levelled off; whether it fits, the training loss would have to say
        ("maximize", [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8], "still improving"),
        ("maximize", DOWN, None),
        ("minimize", [1.0, 2.0, 4.0, 8.0, 16.0], "diverged"),
        ("minimize", [-x for x in FALLING[::-1]], "still improving"),
        ("minimize", HIGH, None),
    ],
)
def test_an_objective_alone_tells_less(goal, values, expected):
    assert diagnose(epochs(score=values, lr=values), "score", goal) == expected


def test_a_validation_loss_alone_tells_a_good_fit_by_the_baseline():
    assert word(val=LEVEL) is None
    assert word(val=LEVEL, baseline=2.3) == "good fit"
    assert word(val=LEVEL, baseline=0.9) is None
    assert word(val=RISING, baseline=2.3) is None
    assert word(val=[NAN, *LEVEL], baseline=2.3) == "diverged"


FAMILIES = {
    "good fit": (lambda t: 0.3 + 2 * math.exp(-8 * t), lambda t: 0.4 + 1.9 * math.exp(-8 * t), lambda t: t),
    "overfitting": (
        lambda t: 2.3 * math.exp(-5 * t),
        lambda t: 0.5 + 1.8 * math.exp(-12 * t) + 1.5 * max(0.0, t - 0.3),
        lambda t: 0.8 * min(1.0, 5 * t) - 0.3 * max(0.0, t - 0.3),
    ),
    "overconfident": (
        lambda t: 2.3 * math.exp(-5 * t),
        lambda t: 0.5 + 1.8 * math.exp(-12 * t) + 1.5 * max(0.0, t - 0.3),
        lambda t: 0.8 * min(1.0, 3 * t),
    ),
    "underfitting": (
        lambda t: 1.7 + 0.5 * math.exp(-10 * t),
        lambda t: 1.75 + 0.5 * math.exp(-10 * t),
        lambda t: 0.2,
    ),
    "still improving": (lambda t: 2.3 - 1.5 * t, lambda t: 2.3 - 1.3 * t, lambda t: 0.8 * t),
    "diverged": (lambda t: 2.3 + 5 * t * t, lambda t: 2.3 + 5 * t * t, lambda t: 0.1),
}


@pytest.mark.parametrize("noise", [0.0, 0.01, 0.02])
@pytest.mark.parametrize("count", [8, 20, 60])
@pytest.mark.parametrize("expected", FAMILIES)
def test_noisy_families_get_their_word(expected, count, noise):
    random_ = random.Random(f"{expected} {count} {noise}")
    found = []
    for _ in range(40):
        times = [epoch / count for epoch in range(1, count + 1)]
        curves = [
            [curve(t) * (1 + share * noise * random_.gauss(0, 1)) for t in times]
            for curve, share in zip(FAMILIES[expected], (0.3, 1.0, 0.2), strict=True)
        ]
        found.append(word(*curves, baseline=2.3).split(" since")[0])
    assert found.count(expected) >= (40 if noise == 0 else 36), found


positive = st.floats(1e-3, 1e3)
PAIRS = st.integers(4, 25).flatmap(
    lambda n: st.tuples(*[st.lists(positive, min_size=n, max_size=n) for _ in range(2)])
)


@settings(max_examples=150, deadline=None)
@given(PAIRS, st.integers(-20, 20), st.none() | positive)
def test_another_unit_of_the_losses_changes_nothing(curves, power, baseline):
    unit = 2.0**power  # exact: no comparison is turned round by rounding
    train, val = curves
    scaled = [[loss * unit for loss in curve] for curve in curves]
    found = word(train, val, baseline=baseline)
    assert found == word(*scaled, baseline=baseline and baseline * unit)
    assert found is not None


@settings(max_examples=100, deadline=None)
@given(st.lists(positive, min_size=4, max_size=25))
def test_smoothing_stays_within_the_neighbours_and_keeps_a_monotone_curve(values):
    smooth = smoothed(values)
    assert len(smooth) == len(values)
    for position, value in enumerate(smooth[1:-1], 1):
        assert value in values[position - 1 : position + 2]
    ordered = sorted(values)
    assert smoothed(ordered)[1:-1] == ordered[1:-1]
    assert min(values) <= smooth[0] <= max(values) and min(values) <= smooth[-1] <= max(values)
