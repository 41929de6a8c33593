from __future__ import annotations

import copy
import math
import timeit
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn, optim
from torch.optim import lr_scheduler

from trainer.rules import parse
from trainer.schedules import Length, PerEpoch, PerStep, Schedule, build_schedule, factor
from trainer.settings import Settings

LR, STEPS = 0.1, 4


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """torch warns of a scheduler that steps before its optimiser, which never steps here."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Detected call of|To get the last learning rate")
        yield


def descent(lr: float = LR) -> optim.SGD:
    return optim.SGD([nn.Parameter(torch.zeros(1))], lr)


def schedule_of(
    config: dict[str, Any], optimizer: optim.Optimizer, epochs: int, steps: int = STEPS
) -> Schedule:
    return build_schedule(parse(config, Settings), optimizer, Length(epochs, steps))


def walk(
    schedule: Schedule, optimizer: optim.Optimizer, losses: list[float], steps: int = STEPS
) -> list[list[float]]:
    """The rates of every step of one epoch a validation loss."""
    rates = []
    for loss in losses:
        used = []
        for _ in range(steps):
            schedule.before_step()
            used.append(optimizer.param_groups[0]["lr"])
        rates.append(used)
        schedule.after_epoch(loss)
    return rates


def by_step(config: dict[str, Any], epochs: int, steps: int = STEPS) -> list[float]:
    optimizer = descent()
    rates = walk(schedule_of(config, optimizer, epochs, steps), optimizer, [1.0] * epochs, steps)
    return [rate for epoch in rates for rate in epoch]


def by_epoch(config: dict[str, Any], epochs: int, losses: list[float] | None = None) -> list[float]:
    """The rate of each epoch, which must not change within one."""
    optimizer = descent()
    rates = walk(schedule_of(config, optimizer, epochs), optimizer, losses or [1.0] * epochs)
    assert all(len(set(epoch)) == 1 for epoch in rates)
    return [epoch[0] for epoch in rates]


def torchs(make: Callable[[optim.Optimizer], lr_scheduler.LRScheduler], count: int) -> list[float]:
    optimizer = descent()
    scheduler = make(optimizer)
    rates = []
    for _ in range(count):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


E = np.arange(12)
CURVES = [
    ({"schedule": "constant"}, np.ones(12), lambda o: lr_scheduler.ConstantLR(o, 1.0)),
    (
        {"schedule": "step", "step_epochs": 5, "gamma": 0.3},
        0.3 ** (E // 5),
        lambda o: lr_scheduler.StepLR(o, 5, 0.3),
    ),
    (
        {"schedule": "multistep", "milestones": "3-7-20", "gamma": 0.5},
        np.where(E < 3, 1, np.where(E < 7, 0.5, 0.25)),
        lambda o: lr_scheduler.MultiStepLR(o, [3, 7, 20], 0.5),
    ),
    (
        {"schedule": "exponential", "gamma": 0.9},
        0.9**E,
        lambda o: lr_scheduler.ExponentialLR(o, 0.9),
    ),
    (
        {"schedule": "cosine"},
        (1 + np.cos(np.pi * E / 12)) / 2,
        lambda o: lr_scheduler.CosineAnnealingLR(o, 12),
    ),
    (
        {"schedule": "cosine", "end_factor": 0.2},
        0.2 + 0.8 * (1 + np.cos(np.pi * E / 12)) / 2,
        lambda o: lr_scheduler.CosineAnnealingLR(o, 12, eta_min=0.2 * LR),
    ),
    (
        {"schedule": "cosine", "restart_epochs": 4, "end_factor": 0.1},
        0.1 + 0.9 * (1 + np.cos(np.pi * (E % 4) / 4)) / 2,
        lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 4, eta_min=0.1 * LR),
    ),
    (
        {"schedule": "cosine", "restart_epochs": 2, "restart_factor": 2},
        (1 + np.cos(np.pi * np.array([*(0, 1 / 2), *(0, 1 / 4, 2 / 4, 3 / 4), *(np.arange(6) / 8)]))) / 2,
        lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 2, 2),
    ),
    (
        {"schedule": "polynomial", "power": 2.0},
        (1 - E / 12) ** 2,
        lambda o: lr_scheduler.PolynomialLR(o, 12, 2.0),
    ),
]


@pytest.mark.parametrize(("config", "expected", "make"), CURVES)
def test_a_schedule_by_the_epoch_follows_its_formula_and_torch(
    config: dict[str, Any], expected: np.ndarray, make: Callable
) -> None:
    rates = by_epoch(config, 12)
    np.testing.assert_allclose(rates, LR * expected, rtol=1e-12)
    np.testing.assert_allclose(rates, torchs(make, 12), rtol=1e-9)


def test_a_polynomial_can_end_above_zero() -> None:
    rates = by_epoch({"schedule": "polynomial", "power": 0.5, "end_factor": 0.3}, 12)
    np.testing.assert_allclose(rates, LR * (0.3 + 0.7 * np.sqrt(1 - E / 12)), rtol=1e-12)


@pytest.mark.parametrize(("epochs", "steps"), [(5, 4), (1, 10), (3, 1), (7, 13)])
def test_one_cycle_follows_its_formula_and_torch(epochs: int, steps: int) -> None:
    config = {"schedule": "one_cycle", "rise": 0.4, "start_divisor": 10.0, "end_divisor": 100.0}
    rates, count = by_step(config, epochs, steps), epochs * steps
    top = 0.4 * count - 1
    expected = [
        1 + (0.1 - 1) * (1 + math.cos(math.pi * i / top)) / 2
        if i < top
        else 1e-3 + (1 - 1e-3) * (1 + math.cos(math.pi * (i - top) / (count - 1 - top))) / 2
        for i in range(count)
    ]
    np.testing.assert_allclose(rates, LR * np.array(expected), rtol=1e-9)
    optimizer = descent()
    reference = lr_scheduler.OneCycleLR(
        optimizer, LR, count, pct_start=0.4, div_factor=10, final_div_factor=100, cycle_momentum=False
    )
    theirs = [optimizer.param_groups[0]["lr"]]
    for _ in range(count - 1):
        reference.step()
        theirs.append(optimizer.param_groups[0]["lr"])
    np.testing.assert_allclose(rates, theirs, rtol=1e-9)


def test_one_cycle_starts_and_ends_where_its_divisors_say() -> None:
    rates = by_step({"schedule": "one_cycle"}, 10, 10)
    assert rates[0] == pytest.approx(LR / 25)
    assert max(rates) == pytest.approx(LR)
    assert rates[-1] == pytest.approx(LR / 25 / 1e4)


def test_warm_up_is_torchs_linear_rise_followed_by_the_schedule() -> None:
    rates = by_step({"schedule": "constant", "warmup_epochs": 2, "warmup_start": 0.2}, 4)
    ramp = 0.2 + 0.8 * np.minimum(np.arange(16), 8) / 8
    np.testing.assert_allclose(rates, LR * ramp, rtol=1e-12)
    np.testing.assert_allclose(rates, torchs(lambda o: lr_scheduler.LinearLR(o, 0.2, 1.0, 8), 16), rtol=1e-9)


@pytest.mark.parametrize(
    "config",
    [
        {"schedule": "cosine"},
        {"schedule": "polynomial"},
        {"schedule": "exponential", "gamma": 0.5},
        {"schedule": "one_cycle"},
        {"schedule": "cosine", "restart_epochs": 2},
    ],
)
def test_after_a_warm_up_a_schedule_runs_over_what_remains(config: dict[str, Any]) -> None:
    warmed = by_step({**config, "warmup_epochs": 3, "warmup_start": 0.0}, 9)
    alone = by_step(config, 6)
    np.testing.assert_allclose(warmed[3 * STEPS :], alone, rtol=1e-12)
    rise = np.arange(3 * STEPS) / (3 * STEPS)
    np.testing.assert_allclose(
        warmed[: 3 * STEPS], rise * alone[0], rtol=1e-12
    )  # to where the schedule starts


@pytest.mark.parametrize(
    "config",
    [
        {"schedule": "step", "step_epochs": 2, "gamma": 0.5},
        {"schedule": "multistep", "milestones": "1-5", "gamma": 0.5},
        {"schedule": "plateau", "plateau_patience": 1},
    ],
)
def test_after_a_warm_up_step_multistep_and_plateau_count_real_epochs(config: dict[str, Any]) -> None:
    warmed = np.array(by_step({**config, "warmup_epochs": 3, "warmup_start": 0.0}, 9))
    rise = np.minimum(np.arange(9 * STEPS) / (3 * STEPS), 1)
    np.testing.assert_allclose(warmed, rise * by_step(config, 9), rtol=1e-12)


def test_a_warm_up_must_end() -> None:
    with pytest.raises(ValueError) as error:
        schedule_of({"warmup_epochs": 5}, descent(), 5)
    assert str(error.value) == (
        "warmup_epochs must be below the number of epochs, which is 5, found 5: lower it, or give more epochs"
    )


def test_a_plateau_lowers_the_rate_after_patience_runs_out() -> None:
    losses = [1.0, 0.9, 0.95, 0.91, 0.92, 0.5, 0.6]  # epochs 3, 4 and 5 bring nothing; the rate of 6 is lower
    used = by_epoch({"schedule": "plateau", "plateau_patience": 2, "plateau_factor": 0.2}, 7, losses)
    assert used == pytest.approx([LR] * 5 + [LR * 0.2] * 2)


@pytest.mark.parametrize("seed", range(20))
def test_a_plateau_decides_as_torchs_does(seed: int) -> None:
    random = np.random.default_rng(seed)
    losses = (np.exp(-np.arange(40) / 10) + random.normal(0, 0.1, 40)).tolist()
    losses[7] = math.nan
    patience, threshold = int(random.integers(0, 4)), float(random.choice([0.0, 1e-4, 0.2]))
    config = {"plateau_patience": patience, "plateau_threshold": threshold, "plateau_factor": 0.7}
    optimizer = descent()
    reference = lr_scheduler.ReduceLROnPlateau(
        optimizer, factor=0.7, patience=patience, threshold=threshold, threshold_mode="rel", eps=0
    )
    theirs = []
    for loss in losses:
        theirs.append(optimizer.param_groups[0]["lr"])
        reference.step(loss)
    assert min(theirs) < LR
    np.testing.assert_allclose(by_epoch({"schedule": "plateau", **config}, 40, losses), theirs, rtol=1e-9)


ALL = [
    *(config for config, _, _ in CURVES),
    {"schedule": "one_cycle"},
    {"schedule": "plateau", "plateau_patience": 1},
    {"schedule": "plateau", "plateau_patience": 0, "warmup_epochs": 4},
    {"schedule": "one_cycle", "warmup_epochs": 2},
    {"schedule": "cosine", "warmup_epochs": 5},
]


@pytest.mark.parametrize("config", ALL)
@pytest.mark.parametrize("schedule_first", [True, False])
def test_a_resumed_schedule_goes_on_as_if_never_stopped(config: dict[str, Any], schedule_first: bool) -> None:
    losses = [1.0, 0.9, 0.95, 0.91, 0.92, 0.5, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6]
    optimizer = descent()
    schedule = schedule_of(config, optimizer, 12)
    whole = walk(schedule, optimizer, losses)
    for stop in (1, 3, 6):
        optimizer = descent()
        schedule = schedule_of(config, optimizer, 12)
        begun = walk(schedule, optimizer, losses[:stop])
        states = [copy.deepcopy(part.state_dict()) for part in (schedule, optimizer)]
        assert all(isinstance(value, int | float) for value in states[0].values())
        optimizer = descent()
        schedule = schedule_of(config, optimizer, 12)
        pairs = [(schedule, states[0]), (optimizer, states[1])]
        for part, state in pairs if schedule_first else reversed(pairs):
            part.load_state_dict(state)
        assert begun + walk(schedule, optimizer, losses[stop:]) == whole


def test_after_an_epoch_the_optimiser_shows_the_rate_of_its_last_step() -> None:
    optimizer = descent()
    schedule = schedule_of({"schedule": "exponential", "gamma": 0.5}, optimizer, 5)
    walk(schedule, optimizer, [1.0, 1.0])
    assert optimizer.param_groups[0]["lr"] == LR / 2


def test_every_group_keeps_its_own_base_rate() -> None:
    weights = [nn.Parameter(torch.zeros(1)) for _ in range(2)]
    optimizer = optim.SGD([{"params": weights[:1], "lr": 1.0}, {"params": weights[1:]}], 0.1)
    walk(schedule_of({"schedule": "exponential", "gamma": 0.5}, optimizer, 3), optimizer, [1.0] * 3)
    assert [group["lr"] for group in optimizer.param_groups] == [0.25, 0.025]


def test_the_factor_is_a_plain_function_of_the_place() -> None:
    settings = parse({"schedule": "cosine", "warmup_epochs": 1}, Settings)
    length = Length(9, STEPS)
    shares = [factor(settings, length, epoch, step) for epoch in range(9) for step in range(STEPS)]
    np.testing.assert_allclose(by_step({"schedule": "cosine", "warmup_epochs": 1}, 9), LR * np.array(shares))


def test_a_step_within_an_epoch_costs_next_to_nothing() -> None:
    optimizer = descent()
    schedule = schedule_of({"schedule": "cosine"}, optimizer, 10)
    schedule.before_step()
    assert min(timeit.repeat(schedule.before_step, number=10_000, repeat=5)) / 10_000 < 1e-6


def scheduled(
    make: Callable[[optim.Optimizer], Schedule], losses: list[float]
) -> tuple[list[float], list[float]]:
    """The rates of an uninterrupted walk, and of one that is resumed after three epochs."""
    runs = []
    for parts in ([losses], [losses[:3], losses[3:]]):
        rates, states = [], []
        for part in parts:
            optimizer = descent()
            schedule = make(optimizer)
            if states:
                optimizer.load_state_dict(states[0])
                schedule.load_state_dict(states[1])
            rates += [rate for epoch in walk(schedule, optimizer, part) for rate in epoch]
            states = copy.deepcopy([optimizer.state_dict(), schedule.state_dict()])
        runs.append(rates)
    return runs[0], runs[1]


def test_a_scheduler_of_torch_by_the_epoch() -> None:
    whole, resumed = scheduled(lambda o: PerEpoch(lr_scheduler.ExponentialLR(o, 0.5)), [1.0] * 5)
    np.testing.assert_allclose(whole, LR * 0.5 ** np.repeat(np.arange(5), STEPS))
    assert resumed == whole


def test_torchs_plateau_gets_the_validation_loss() -> None:
    make = lambda o: PerEpoch(lr_scheduler.ReduceLROnPlateau(o, factor=0.5, patience=0))  # noqa: E731
    whole, resumed = scheduled(make, [1.0, 2.0, 0.5, 0.6, 0.1])
    np.testing.assert_allclose(whole, np.repeat([LR, LR, LR / 2, LR / 2, LR / 4], STEPS))
    assert resumed == whole


def test_a_scheduler_of_torch_by_the_step() -> None:
    whole, resumed = scheduled(lambda o: PerStep(lr_scheduler.ExponentialLR(o, 0.9)), [1.0] * 5)
    np.testing.assert_allclose(whole, LR * 0.9 ** np.arange(5 * STEPS))
    assert resumed == whole
