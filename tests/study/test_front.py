"""Fronts and volumes against what counting gives."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweeps.pruners.front import is_among
from sweeps.study.front import contributions, hypervolume, nondominated
from sweeps.study.objectives import Objectives
from sweeps.study.record import Further, TrialRecord

KINDS = st.sampled_from(["good", "infeasible", "pruned", "outside"])
SIDE = 5  # of a grid small enough to count its cells, and to have ties


def points(most: int = 12, columns: tuple[int, ...] = (1, 2, 3, 4)):
    """Rows of whole numbers from 0 to below SIDE, one column an objective."""
    rows = st.sampled_from(columns).flatmap(
        lambda d: st.lists(st.tuples(*[st.integers(0, SIDE - 1)] * d), min_size=1, max_size=most)
    )
    return rows.map(lambda given: np.array(given, float))


def dominates(one, other) -> bool:
    return all(a <= b for a, b in zip(one, other, strict=True)) and tuple(one) != tuple(other)


def brute_front(given) -> list[bool]:
    return [not any(dominates(other, one) for other in given) for one in given]


def cells(given, reference: int) -> int:
    """How many unit cells below ``reference`` the points dominate."""
    corners = itertools.product(range(reference), repeat=given.shape[1])
    return sum(any(all(p <= c) for p in given) for c in corners)


@settings(max_examples=150, deadline=None)
@given(points())
def test_the_front_is_what_no_other_point_dominates(given):
    assert nondominated(given).tolist() == brute_front(given.tolist())


def test_the_front_of_many_points():
    rng = np.random.default_rng(0)
    for columns in (2, 3, 5):
        given = np.round(rng.random((300, columns)), 2)
        assert nondominated(given).tolist() == brute_front(given.tolist())


@settings(max_examples=60, deadline=None)
@given(points(8))
def test_the_hypervolume_is_the_cells_that_are_dominated(given):
    reference = np.full(given.shape[1], float(SIDE - 1))  # some points are beyond it
    assert hypervolume(given, reference) == pytest.approx(cells(given, SIDE - 1))


@settings(max_examples=60, deadline=None)
@given(points(8))
def test_what_a_point_adds_is_what_is_lost_without_it(given):
    front, reference = given[nondominated(given)], np.full(given.shape[1], float(SIDE))
    whole = hypervolume(front, reference)
    lost = [whole - hypervolume(np.delete(front, i, axis=0), reference) for i in range(len(front))]
    assert contributions(front, reference) == pytest.approx(lost)


@settings(max_examples=80, deadline=None)
@given(points(10, (2, 3)), st.integers(1, 6))
def test_who_is_among_the_best_is_decided_by_front_and_volume(given, places):
    """By sorting all: front by front, and by volume within each."""
    worst, best = given.max(axis=0), given.min(axis=0)
    reference = worst + 0.1 * np.where(worst > best, worst - best, 1.0)
    rest, better = list(map(tuple, given)), 0
    while rest:
        front = [p for p, among in zip(rest, brute_front(rest), strict=True) if among]
        volumes = contributions(np.array(front), reference)
        for point, volume in zip(front, volumes, strict=True):
            fits = better + len(front) <= places or better + (volumes > volume).sum() < places
            assert is_among(np.array(point), given, places) == fits
        better += len(front)
        rest = [p for p in rest if p not in front]


def test_of_more_than_three_objectives_a_front_is_not_divided():
    given = np.array([[0, 1, 2, 3], [1, 0, 2, 3], [3, 2, 1, 0], [3, 3, 3, 3]], float)
    assert [is_among(point, given, 1) for point in given] == [True, True, True, False]


def record(number: int, values: dict[int, tuple[float, float]], state="COMPLETE", excess=()) -> TrialRecord:
    made = TrialRecord(number, {}, state=state)
    for epoch, (loss, speed) in values.items():
        made.observe(epoch, loss, "minimize", Further({"speed": speed}, excess))
    return made


def test_objectives_are_those_of_the_epoch_that_is_best_by_the_leading_one():
    objectives = Objectives("minimize", {"speed": "maximize"})
    trial = record(0, {1: (0.5, 9.0), 2: (0.2, 3.0), 3: (0.2, 8.0)})
    assert objectives.values(trial) == [0.2, 3.0]
    assert objectives.losses(trial) == (0.2, -3.0)
    assert objectives.losses_until(trial, 1) == (0.5, -9.0)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 4)] * 2, KINDS)))
def test_only_complete_feasible_trials_inside_the_space_make_the_front(drawn):
    objectives = Objectives("minimize", {"speed": "maximize"})
    records = []
    for number, (loss, speed, kind) in enumerate(drawn):
        state = "PRUNED" if kind == "pruned" else "COMPLETE"
        records.append(record(number, {1: (loss, speed)}, state, (float(kind == "infeasible"), 0.0)))
        records[-1].outside = kind == "outside"
    usable = [(d[0], -d[1], n) for n, d in enumerate(drawn) if d[2] == "good"]
    wanted = [p for p in usable if not any(dominates(other[:2], p[:2]) for other in usable)]
    assert [r.number for r in objectives.front(records)] == [number for *_, number in sorted(wanted)]


def test_a_trial_that_does_not_know_every_objective_is_not_compared():
    objectives = Objectives("minimize", {"speed": "maximize"})
    unknown = TrialRecord(0, {}, state="COMPLETE")
    unknown.observe(1, 0.1, "minimize")
    assert objectives.front([unknown, record(1, {1: (0.5, 1.0)})])[0].number == 1
    assert math.isclose(unknown.value or 0, 0.1)
