"""What failures lead to: retries that wait, a canary, a breaker, a closed slot, a sampler that learns."""

from __future__ import annotations

import pytest

from sweeps.controller import SlotClosed, SweepHalted
from sweeps.messages import Continue, Died, Exhausted, Raised, Returned, Stop, Wait
from tests.controller.harness import BASE, FakeTime, opened, train, write_spec

ERROR = Raised("error", "ValueError: 3 is not 4")


def spec_of(folder, *overrides, trials=60):
    return write_spec(folder, BASE.replace("trials: 6", f"trials: {trials}"), overrides)


def fail(controller, outcome=ERROR, worker="cpu0"):
    trial = controller.ask(worker=worker)[0]
    controller.finish(trial.number, trial.attempt, outcome)
    return trial


def succeed(controller, worker="cpu0"):
    train(controller, controller.ask(worker=worker)[0])


def last(controller, kind):
    return next(event for event in reversed(controller.events) if isinstance(event, kind))


# --- back-off


def test_a_retry_waits_twice_as_long_each_time(tmp_path):
    time = FakeTime()
    spec = spec_of(tmp_path, "retries={error: 3, backoff: 10s}", trials=1)
    with opened(tmp_path, spec, time) as controller:
        for pause in (10, 20, 40):
            fail(controller)
            time.now += pause - 1
            assert controller.ask() == Wait(until=time.now + 1)
            time.now += 1
        fail(controller)
        assert [r.state for r in controller.records] == ["FAILED"]
        assert controller.records[0].attempt == 4


def test_a_wait_of_more_than_an_hour_is_waited_for(tmp_path):
    time = FakeTime()
    with opened(tmp_path, spec_of(tmp_path, "retries={error: 2, backoff: 2h}", trials=1), time) as controller:
        for _ in range(2):
            fail(controller)
            time.now += 7199
            assert isinstance(controller.ask(), Wait)
            time.now += 1


def test_other_trials_run_while_one_waits(tmp_path):
    time = FakeTime()
    spec = spec_of(tmp_path, "retries={error: 1, backoff: 10s}", trials=3)
    with opened(tmp_path, spec, time) as controller:
        fail(controller)
        assert controller.ask()[0].number == 1
        time.now += 10
        assert (again := controller.ask()[0]).number == 0 and again.attempt == 2


# --- canary


def test_the_first_trial_runs_alone_until_its_first_report(tmp_path):
    with opened(tmp_path, spec_of(tmp_path, "canary=null"), workers=2) as controller:
        first = controller.ask()[0]
        assert controller.ask() == Wait()
        assert controller.report(first.number, 1, 1, {"val_loss": 1.0}) == Continue()
        assert controller.ask()[0].number == 1
    with opened(tmp_path, spec_of(tmp_path, "canary=null"), workers=2) as controller:
        assert len(controller.ask(2)) == 2, "the function has proven itself"


def test_a_canary_that_fails_is_followed_by_another(tmp_path):
    with opened(tmp_path, spec_of(tmp_path, "canary=null"), workers=2) as controller:
        fail(controller)
        controller.ask()
        assert controller.ask() == Wait()


@pytest.mark.parametrize(("asked", "at_once"), [("true", 1), ("false", 2)])
def test_a_canary_may_be_asked_for(tmp_path, asked, at_once):
    spec = spec_of(tmp_path, f"canary={asked}")
    with opened(tmp_path, spec) as controller:
        train(controller, controller.ask()[0])
    with opened(tmp_path, spec, workers=2) as controller:
        assert len(controller.ask(2)) == at_once


# --- breaker


def test_equal_failures_in_a_row_stop_the_sweep(tmp_path):
    spec = spec_of(tmp_path)
    with opened(tmp_path, spec, workers=2) as controller:
        other = controller.ask()[0]
        for size in range(5):
            assert not controller.interrupted
            fail(controller, Raised("error", f"RuntimeError: size {size} at 0x7f{size}"))
        assert controller.report(other.number, 1, 1, {"val_loss": 1.0}) == Stop("interrupted")
        controller.finish(other.number, 1, Returned())
        assert controller.ask() == Exhausted("breaker")
        controller.close()
        assert controller.end_reason == "breaker"
        message = last(controller, SweepHalted).message
        assert "5 trials failed with error: RuntimeError: size 4" in message
    with opened(tmp_path, spec) as controller:  # whoever resumes has mended something
        assert controller.ask()[0].number == other.number
        assert controller.ask()[0].number == 6


@pytest.mark.parametrize("between", [None, Raised("error", "KeyError: 'lr'"), Died("crash", "SIGSEGV")])
def test_something_else_in_between_is_no_row(tmp_path, between):
    with opened(tmp_path, spec_of(tmp_path, "retries.crash=0", "breaker.fraction=null")) as controller:
        for _ in range(6):
            for _ in range(4):
                fail(controller)
            succeed(controller) if between is None else fail(controller, between)
        assert not controller.interrupted


@pytest.mark.parametrize("kind", ["oom", "infeasible"])
def test_what_comes_with_a_configuration_is_no_row(tmp_path, kind):
    with opened(tmp_path, spec_of(tmp_path)) as controller:
        for _ in range(19):
            fail(controller, Raised(kind, "too large"))
        assert not controller.interrupted


def test_a_share_of_failed_trials_stops_the_sweep(tmp_path):
    with opened(tmp_path, spec_of(tmp_path, "breaker={in_a_row: null, fraction: 0.5}")) as controller:
        for number in range(20):
            assert not controller.interrupted
            fail(controller) if number % 2 else succeed(controller)
        assert "10 of 20 did" in last(controller, SweepHalted).message


def test_a_breaker_that_comes_too_late_says_nothing(tmp_path):
    with opened(tmp_path, spec_of(tmp_path, trials=5)) as controller:
        for _ in range(5):
            fail(controller)
        assert controller.ask() == Exhausted("budget.trials")
        controller.close()
        assert controller.end_reason == "budget.trials"


# --- quarantine


def test_a_slot_on_which_trials_fail_alone_gets_no_more(tmp_path):
    with opened(tmp_path, spec_of(tmp_path), workers=2) as controller:
        for number in range(3):
            fail(controller, Raised("error", f"CUDA error {number}"), worker="gpu0")
            succeed(controller, "gpu1")
        closed = last(controller, SlotClosed)
        assert (closed.engine, closed.worker, closed.failures) == ("local", "gpu0", 3)
        assert controller.ask(worker="gpu0") == Wait(closed=True)
        assert isinstance(controller.ask(worker="gpu1"), list)


def test_a_broken_slot_is_closed_before_it_stops_the_sweep(tmp_path):
    """It fails in seconds, while trials elsewhere take their time."""
    with opened(tmp_path, spec_of(tmp_path), workers=2) as controller:
        slow = controller.ask(worker="gpu1")[0]
        controller.report(slow.number, 1, 1, {"val_loss": 1.0})
        for _ in range(3):
            fail(controller, Raised("error", "CUDA error"), worker="gpu0")
        assert last(controller, SlotClosed).worker == "gpu0"
        assert controller.ask(worker="gpu0") == Wait(closed=True) and not controller.interrupted


def test_what_fails_alike_elsewhere_closes_no_slot(tmp_path):
    with opened(tmp_path, spec_of(tmp_path, "breaker.in_a_row=null"), workers=2) as controller:
        fail(controller, worker="gpu1")
        succeed(controller, "gpu1")
        for _ in range(4):
            fail(controller, worker="gpu0")
        assert isinstance(controller.ask(worker="gpu0"), list)


def test_where_all_slots_fail_none_is_closed(tmp_path):
    with opened(tmp_path, spec_of(tmp_path, "breaker.in_a_row=null"), workers=2) as controller:
        for _ in range(8):
            fail(controller, worker="gpu0")
            fail(controller, worker="gpu1")
        assert isinstance(controller.ask(worker="gpu0"), list)


def test_a_trial_that_does_well_clears_its_slot(tmp_path):
    with opened(tmp_path, spec_of(tmp_path), workers=2) as controller:
        for _ in range(4):
            fail(controller, worker="gpu0")
            fail(controller, worker="gpu0")
            succeed(controller, "gpu1")
            succeed(controller, "gpu0")
        assert not any(isinstance(event, SlotClosed) for event in controller.events)


# --- what the sampler is told


@pytest.mark.parametrize("sampler", ["tpe", "gp", "cmaes", "multifidelity"])
def test_a_sampler_avoids_what_is_infeasible(tmp_path, sampler):
    """Half of the space runs out of memory; the objective falls towards it."""
    text = (
        BASE[: BASE.index("parameters:")] + "parameters: {x: {min: 0.0, max: 1.0}, y: {min: 0.0, max: 1.0}}\n"
    )
    shares = {}
    for name, kinds in (("told", "[oom]"), ("untold", "[]")):
        (tmp_path / name).mkdir()
        keys = (
            f"budget: {{trials: 40}}\nsampler: {sampler}\npruner: none\ncanary: false\ninfeasible: {kinds}\n"
        )
        spec = write_spec(tmp_path / name, text + keys)
        with opened(tmp_path / name, spec) as controller:
            while isinstance(asked := controller.ask(), list):  # the breaker may end it
                trial = asked[0]
                if trial.config["x"] > 0.5:
                    controller.finish(trial.number, 1, Raised("oom", "CUDA out of memory"))
                else:
                    train(controller, trial, lambda config: lambda epoch: 1.0 - config["x"])
            failed = [r.state == "FAILED" for r in controller.records[10:]]
            shares[name] = sum(failed) / len(failed)
    assert shares["told"] < shares["untold"]
