"""The controller under any order of events, crashes and power cuts among them: what it promises holds.

One machine a kind of sweep. Each example is a sweep from its first driver to its end: after every event the
numbers are gapless, no configuration has two trials, the budget is kept and what has ended is as it was;
retries and states are what `World` expects; at the end the budget is met exactly and nothing is RUNNING.
"""

from __future__ import annotations

import math
import shutil
import tempfile
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from sweeps.messages import Died, Interrupted, Raised, Returned
from tests.fuzz.examples import faults, few, many
from tests.fuzz.world import World

INFINITE = """
  x: {min: 0.0, max: 1.0}
  kind: {values: [a, b, 1, 1.0, true]}
  depth: {min: 1, max: 4, when: {kind: [a, b]}}
"""
FINITE = """
  x: {values: [1, 1.0, true]}
  kind: {values: [a, 1]}
  depth: {values: [1], when: {kind: a}}
"""
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # thousands of syncs, of which none is measured
VALUES = st.sampled_from([0.0, 0.5, 1.0, 1.0, 2.0, -1e300, 1e300]) | st.floats(-9, 9)
BROKEN = st.sampled_from([math.nan, math.inf, -math.inf])
OUTCOMES = st.sampled_from(
    [Returned()] * 5
    + [Raised("error", "ValueError: no"), Raised("oom", "out of memory"), Interrupted()]
    + [Died("crash", "killed by SIGKILL"), Died("hang", "no report for 30 s"), Died("lost", "no node")]
)
WITHIN = st.sampled_from([None, None, None, {"kind": 1}, {"kind": "a"}, {"kind": "a", "depth": 1}])
WHICH = st.integers(0, 9)


class Sweep(RuleBasedStateMachine):
    """Whatever the pruner is."""

    pruners: tuple[str, ...] = ("none",)
    spaces: tuple[str, ...] = (INFINITE, FINITE)
    least_trials = 1
    skips = True  # whether the function may report now and then only

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="sweep.", dir=MEMORY))
        self.world: World | None = None

    @initialize(
        space=st.integers(0, 1),
        pruner=st.integers(0, 9),
        trials=st.integers(0, 6),
        epochs=st.integers(4, 9),
        retries=st.lists(st.integers(0, 2), min_size=5, max_size=5),
        wall=st.sampled_from([None, None, 12]),
        goal=st.sampled_from(["minimize", "maximize"]),
        patience=st.sampled_from([None, None, 1, 3]),
    )
    def begin(self, space, pruner, trials, epochs, retries, wall, goal, patience):
        kinds = ("error", "crash", "hang", "oom", "nonfinite")
        allowed = ", ".join(f"{kind}: {n}" for kind, n in zip(kinds, retries, strict=True))
        stopping = f"early_stopping: {{patience: {patience}}}" if patience else ""
        limit = f", wall: {wall}" if wall else ""
        text = f"""
version: 1
name: toy
train: toy:train
epochs: {epochs}
metric: {{name: val_loss, goal: {goal}}}
parameters:{self.spaces[space % len(self.spaces)]}
pruner: {self.pruners[pruner % len(self.pruners)]}
budget: {{trials: {self.least_trials + trials}{limit}}}
retries: {{{allowed}}}
breaker: {{in_a_row: null, fraction: null}}
{stopping}
"""
        self.world = World(self.folder, text)

    @rule(n=st.integers(1, 3), within=WITHIN)
    def ask(self, n, within):
        self.world.ask(n, within)

    @rule(which=WHICH, values=st.lists(VALUES, min_size=1, max_size=4), skip=st.sampled_from([0, 0, 0, 2]))
    def report(self, which, values, skip):
        number = self.picked(which)
        for value in values:
            if number is not None and self.world.running[number].may_report:
                self.world.report(number, value, skip if self.skips else 0)

    @rule(which=WHICH, value=VALUES | BROKEN, saves=st.booleans(), sends=st.booleans(), outcome=OUTCOMES)
    def report_and_end(self, which, value, saves, sends, outcome):
        number = self.picked(which)
        if number is not None and self.world.running[number].may_report:
            self.world.report(number, value, saves=saves, sends=sends)
        if number is not None:
            self.world.finish(number, outcome)

    @rule(which=WHICH, outcome=OUTCOMES)
    def finish(self, which, outcome):
        number = self.picked(which)
        if number is not None:
            self.world.finish(number, outcome)

    @rule(which=WHICH, epoch=st.integers(1, 9), value=VALUES | BROKEN)
    def say_what_was_said(self, which, epoch, value):
        if self.world.running:
            self.world.repeat(self.picked(which), epoch)
        if self.world.stale:
            self.world.late_word(which, value)

    @rule(seconds=st.sampled_from([0.5, 3.0, 9.0]), ticks=st.booleans())
    def wait(self, seconds, ticks):
        self.world.time.now += seconds
        self.world.spent += seconds
        if ticks:
            self.world.controller.tick()

    @rule(cut=st.none() | st.floats(0, 1))
    def kill(self, cut):
        self.world.kill(cut)

    @rule(again=st.booleans())
    def interrupt_or_resume(self, again):
        """After an interrupt nothing starts any more; the next time the driver ends, and another goes on."""
        if not self.world.controller.interrupted and not again:
            self.world.controller.interrupt()
        else:
            self.world.close()
            self.world.open()

    @rule()
    def look(self):
        self.world.check_disk()

    @invariant()
    def holds(self):
        if self.world is not None:
            self.world.check()

    def teardown(self):
        try:
            if self.world is not None:
                self.world.drain()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def picked(self, which):
        """One of the running trials; the first one asked for where there is none."""
        if not self.world.running:
            self.world.ask()
        numbers = sorted(self.world.running)
        return numbers[which % len(numbers)] if numbers else None


class Halving(Sweep):
    pruners = (
        "{name: asha, reduction_factor: 2}",
        "{name: hyperband, reduction_factor: 2}",
        "{name: median, n_startup_trials: 1}",
        "auto",
    )
    spaces = (INFINITE,)


class PopulationBased(Sweep):
    pruners = ("{name: pbt, interval: 2}", "{name: pbt, interval: 1, quantile: 0.5}")
    spaces = (INFINITE,)
    least_trials = 2
    skips = False  # its trials are saved at every epoch of a generation


class TestAnySweep(Sweep.TestCase):
    settings = few(60, stateful_step_count=30)


class TestHalving(Halving.TestCase):
    settings = few(60, stateful_step_count=30)


class TestPopulation(PopulationBased.TestCase):
    settings = few(60, stateful_step_count=30)


@faults
class TestManySweeps(Sweep.TestCase):
    settings = many(250, stateful_step_count=60)


@faults
class TestManyHalvings(Halving.TestCase):
    settings = many(150, stateful_step_count=60)


@faults
class TestManyPopulations(PopulationBased.TestCase):
    settings = many(250, stateful_step_count=60)
