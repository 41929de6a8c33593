"""A sweep in a folder and the workers that would run it, driven one event at a time, crashes among them.

The controller, the study and the files are real; a worker is what it leaves behind: a line in metrics.jsonl
before each report, a checkpoint after it, a word when it ends. `World` knows what must come of every event
and checks it, from what it has seen alone.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sweeps.messages import (
    Continue,
    Decision,
    Died,
    Exhausted,
    Interrupted,
    Outcome,
    Raised,
    Returned,
    Stop,
    TrialSpec,
    Wait,
)
from sweeps.paths import RunPaths, TrialPaths, checksum_path, replace_file
from sweeps.spec import SweepSpec, load_spec
from sweeps.study import RunLock, StudyStore, TrialRecord, read_end, read_records
from tests.controller.harness import FakeTime, started

LOSSES = 3  # more machines than epochs that a trial may lose


class WatchedStore(StudyStore):
    """Knows how much of the journal a power cut could not take."""

    synced = 0

    def sync(self) -> None:
        super().sync()
        self.synced = self.journal_path.stat().st_size

    def sync_if_due(self) -> None:
        self.sync()


@dataclass
class Run:
    """An attempt that a worker has been given."""

    spec: TrialSpec
    epoch: int  # where its worker stands
    last: tuple[int, Decision] | None = None

    @property
    def stop(self) -> Stop | None:
        return self.last[1] if self.last is not None and isinstance(self.last[1], Stop) else None

    @property
    def may_report(self) -> bool:
        return self.stop is None and self.epoch < (self.spec.pause_at or self.spec.epochs)


class World:
    """One sweep, from its first driver to its end."""

    def __init__(self, folder: Path, text: str) -> None:
        path = folder / "toy.yaml"
        path.write_text(text)
        self.spec: SweepSpec = load_spec(path)
        self.paths = RunPaths(folder / "results")
        self.paths.trials.mkdir(parents=True)
        replace_file(self.paths.manifest, json.dumps({"id": "0"}).encode(), durable=False)
        self.time = FakeTime()
        self.spent = 0.0  # seconds that drivers have lived
        self.running: dict[int, Run] = {}
        self.stale: list[tuple[int, int]] = []  # attempts that were replaced or have ended
        self.ended: dict[int, dict[str, Any]] = {}
        self.failures: dict[int, Counter[str]] = {}
        self.attempts: dict[int, int] = {}
        self.open()

    # --- drivers ----------------------------------------------------------------------------

    def open(self) -> None:
        spec, goal = self.spec, self.spec.metric.goal
        self.lock = RunLock(self.paths.lock).acquire()
        WatchedStore.journal_path = self.paths.journal
        before = self.paths.journal.stat().st_size if self.paths.journal.exists() else 0
        self.store = WatchedStore.open(self.paths, spec.name, goal)
        self.store.synced = max(self.store.synced, before)
        self.controller = started(self.paths, spec, self.store, self.time, workers=3)
        assert not any(record.state == "RUNNING" for record in self.records)
        assert self.controller.elapsed <= self.spent + 1e-3
        for record in self.records:
            if record.ended:
                self.ended.setdefault(record.number, snapshot(record))
        self.check()

    def kill(self, cut: float | None = None) -> None:
        """The driver dies, and its workers with it; a power cut takes this share of what was not synced."""
        decided = {n: run for n, run in self.running.items() if run.stop and not run.stop.goes_on_later}
        self._leave(cut)
        replaced, self.running = self.running, {}
        if cut is None:
            self.stale += [(number, run.spec.attempt) for number, run in replaced.items()]
        else:
            self.stale.clear()  # no worker outlives its machine
        self.open()
        if cut is None:
            assert {record.number: record.attempt for record in self.records} == self.attempts
            for number, run in decided.items():
                assert run.stop is not None
                self._expect(number, self._after_stop(number, run.stop))
            self._check_failures()
        self.attempts = {record.number: record.attempt for record in self.records}
        self.failures = {record.number: Counter(record.failures) for record in self.records}

    def _leave(self, cut: float | None = None) -> None:
        synced = self.store.synced
        self.store.close()
        self.lock.release()
        if cut is not None:
            size = self.paths.journal.stat().st_size
            os.truncate(self.paths.journal, synced + round((size - synced) * cut))

    def close(self) -> str:
        """The driver ends in good order; returns why."""
        for number in list(self.running):
            self.finish(number, Interrupted())
        self.controller.close()
        assert self.controller.end_reason is not None
        self.check_disk()
        self._leave()
        assert not any(r.state == "RUNNING" for r in read_records(self.paths, "toy", self.spec.metric.goal))
        return self.controller.end_reason

    # --- messages ---------------------------------------------------------------------------

    @property
    def records(self) -> list[TrialRecord]:
        return self.controller.records

    @property
    def wall_spent(self) -> bool:
        wall = self.spec.budget.wall
        return wall is not None and self.controller.elapsed >= wall

    def ask(self, n: int = 1, within: dict[str, Any] | None = None) -> list[TrialSpec] | Wait | Exhausted:
        before = len(self.records)
        answer = self.controller.ask(n, within)
        if isinstance(answer, Exhausted):
            self._check_exhausted(answer.reason)
        elif isinstance(answer, Wait):
            assert within or not all(record.ended for record in self.records)
        else:
            assert len(answer) <= n and not self.controller.interrupted and not self.wall_spent
            for spec in answer:
                self._launch(spec, before)
                held = self.records[spec.number].params
                assert all(held[name] == value for name, value in (within or {}).items())
        return answer

    def _launch(self, spec: TrialSpec, before: int) -> None:
        assert spec.number not in self.running and spec.number not in self.ended
        assert spec.attempt == self.attempts.get(spec.number, 0) + 1
        assert (spec.attempt == 1) == (spec.number >= before)
        self.attempts[spec.number] = spec.attempt
        self.running[spec.number] = run = Run(spec, self._restored(spec))
        assert self.records[spec.number].epochs >= run.epoch  # what was saved was reported

    def _restored(self, spec: TrialSpec) -> int:
        """The epoch that the attempt goes on behind."""
        trial = self.paths.trial(spec.number)
        trial.directory.mkdir(parents=True, exist_ok=True)
        if trial.inherited.exists() and spec.exploit is not None:
            assert int(trial.inherited.read_text()) == spec.exploit.epoch  # that very epoch's weights
            return spec.exploit.epoch
        return int(trial.last.read_text()) if trial.last.exists() else 0

    def _check_exhausted(self, reason: str) -> None:
        trials, size = self.spec.budget.trials, self.spec.space.size()
        if self.controller.interrupted:
            assert reason == "interrupted"
        elif self.wall_spent:
            assert reason == "budget.wall"
        else:
            assert all(record.ended for record in self.records)
            expected = "budget.trials" if len(self.records) == trials else "space exhausted"
            assert reason == expected
            assert len(self.records) == (trials if reason == "budget.trials" else size)

    def report(
        self, number: int, value: float, skip: int = 0, saves: bool = True, sends: bool = True
    ) -> None:
        """Its worker's next epoch, ``skip`` further; it may die before it sends its report or saves."""
        run = self.running[number]
        epoch = min(run.epoch + 1 + skip, run.spec.pause_at or run.spec.epochs)
        trial = self.paths.trial(number)
        line = {"number": number, "attempt": run.spec.attempt, "epoch": epoch, "time": self.time.now}
        with open(trial.metrics, "a") as file:
            shown = value if math.isfinite(value) else str(value)
            file.write(json.dumps({**line, "metrics": {"val_loss": shown}}) + "\n")
        if not sends:
            return
        spent = self.wall_spent
        answer = self.controller.report(number, run.spec.attempt, epoch, {"val_loss": value})
        assert answer != Stop("stale")
        run.epoch, run.last = epoch, (epoch, answer)
        if not math.isfinite(value):
            assert answer == Stop("nonfinite")
        elif epoch < run.spec.epochs and (spent or self.controller.interrupted):
            assert isinstance(answer, Stop)
        if saves and (answer == Continue() or (run.stop and run.stop.goes_on_later)):
            save(trial, epoch)

    def repeat(self, number: int, epoch: int) -> None:
        """A message that comes twice is answered as it was."""
        last = self.running[number].last
        if last is not None:
            attempt = self.running[number].spec.attempt
            answer = self.controller.report(number, attempt, min(epoch, last[0]), {"val_loss": -1e9})
            assert answer == last[1]

    def late_word(self, which: int, value: float) -> None:
        number, attempt = self.stale[which % len(self.stale)]
        before = [snapshot(record) for record in self.records]
        assert self.controller.report(number, attempt, 1, {"val_loss": value}) == Stop("stale")
        self.controller.finish(number, attempt, Died("crash", "late"))
        assert [snapshot(record) for record in self.records] == before

    def finish(self, number: int, outcome: Outcome) -> None:
        run, record = self.running.pop(number), self.records[number]
        paused = run.epoch == run.spec.pause_at
        if isinstance(outcome, Returned) and run.spec.pause_at is not None and not paused:
            outcome = Interrupted()  # its function comes back where it is to pause, be it by what it restored
        if isinstance(outcome, Returned) and paused and run.stop is None:
            save(self.paths.trial(number), run.epoch)
        expected = self._expected(number, run, outcome, paused)
        self.controller.finish(number, run.spec.attempt, outcome)
        self.stale.append((number, run.spec.attempt))
        self._expect(number, expected)
        if record.ended:
            self.ended[number] = snapshot(record)

    # --- what must come of it ---------------------------------------------------------------

    def _expected(self, number: int, run: Run, outcome: Outcome, paused: bool) -> tuple[str, str]:
        """(state, stop reason) after this end of an attempt; failures are counted."""
        if run.stop is not None:
            return self._after_stop(number, run.stop)
        if isinstance(outcome, Died) and outcome.kind == "lost":
            return self._after_loss(number)
        if isinstance(outcome, Raised | Died):
            return self._after_failure(number, outcome.kind)
        if isinstance(outcome, Interrupted):
            return "INTERRUPTED", "interrupted"
        if paused:
            return "INTERRUPTED", "paused"
        if not self.records[number].values:
            return self._after_failure(number, "error")
        return "COMPLETE", "finished"

    def _after_stop(self, number: int, stop: Stop) -> tuple[str, str]:
        if stop.goes_on_later:
            return "INTERRUPTED", "interrupted"
        if stop.reason == "nonfinite":
            return self._after_failure(number, "nonfinite")
        return "COMPLETE" if stop.reason == "early_stopping" else "PRUNED", stop.reason

    def _after_failure(self, number: int, kind: str) -> tuple[str, str]:
        failures = self.failures.setdefault(number, Counter())
        failures[kind] += 1
        if failures[kind] <= getattr(self.spec.retries, kind):
            return "INTERRUPTED", "interrupted"
        return "FAILED", kind

    def _after_loss(self, number: int) -> tuple[str, str]:
        failures = self.failures.setdefault(number, Counter())
        failures["lost"] += 1
        if failures["lost"] <= LOSSES + self.records[number].epochs:
            return "INTERRUPTED", "interrupted"
        return "FAILED", "crash"

    def _expect(self, number: int, expected: tuple[str, str]) -> None:
        record = self.records[number]
        assert (record.state, record.stop_reason) == expected

    def _check_failures(self) -> None:
        for record in self.records:
            assert record.failures == dict(self.failures.get(record.number, {}))

    def check(self) -> None:
        """What holds after every event, of what is in memory."""
        assert [record.number for record in self.records] == list(range(len(self.records)))
        trials, size = self.spec.budget.trials, self.spec.space.size()
        assert len(self.records) <= min(trials or 10**9, size or 10**9)
        keys = {self.spec.space.key(record.params_at(1)) for record in self.records}
        assert len(keys) == len(self.records)  # none twice
        assert {r.number for r in self.records if r.state == "RUNNING"} == set(self.running)
        assert {r.number for r in self.records if r.ended} >= set(self.ended)
        for number, was in self.ended.items():
            assert snapshot(self.records[number]) == was

    def check_disk(self) -> None:
        """What is in memory is what the study says."""
        stored = read_records(self.paths, "toy", self.spec.metric.goal)
        assert [snapshot(record) for record in stored] == [snapshot(record) for record in self.records]

    def drain(self) -> None:
        """Run what is left to its end, and look at the end once more as a later driver would."""
        if self.controller.interrupted:
            self.close()
            self.open()
        reason = self._run_to_the_end()
        self.check()
        before = [snapshot(record) for record in self.records]
        assert self.close() == reason
        assert read_end(self.paths, "toy") == reason
        self.open()
        assert self.controller.nothing_left and self.ask() == Exhausted(reason)
        assert [snapshot(record) for record in self.records] == before
        self.close()

    def _run_to_the_end(self) -> str:
        for _ in range(1000):
            answer = self.ask(2)
            if isinstance(answer, Exhausted) and not self.running:
                return answer.reason
            for number, run in list(self.running.items()):
                while run.may_report:
                    self.report(number, number + 1 / (run.epoch + 1))
                self.finish(number, Returned())
        raise AssertionError("the sweep does not end")


def snapshot(record: TrialRecord) -> dict[str, Any]:
    """A record as plain values, with the seconds as precise as they are stored."""
    return dataclasses.asdict(record) | {"seconds": round(record.seconds, 6)}


def save(trial: TrialPaths, epoch: int) -> None:
    """A checkpoint of this epoch; what was inherited before is used up."""
    data = str(epoch).encode()
    replace_file(trial.last, data, durable=False)
    digest = hashlib.sha256(data).hexdigest()
    replace_file(checksum_path(trial.last), f"{digest}  {trial.last.name}\n".encode(), durable=False)
    trial.inherited.unlink(missing_ok=True)
