"""The one that decides: what runs next, when a trial ends, what state it ends in.

Engines call it; it never calls an engine, never blocks, and lives in one thread. It is the only writer of
the study. Messages carry (trial, attempt), so that a late word of a replaced worker is recognised, and a
message that comes twice gets the answer it got before.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from typing import Any

from sweeps.clock import Clock
from sweeps.controller.attempt import RunningAttempt
from sweeps.controller.budget import Spending
from sweeps.controller.entries import Entries
from sweeps.controller.epochs import EpochBudget
from sweeps.controller.events import (
    EpochReported,
    Event,
    Exploited,
    MessageIgnored,
    Observer,
    SlotClosed,
    SweepEnded,
    SweepHalted,
    SweepStarted,
    Ticked,
    TrialEnded,
    TrialStarted,
)
from sweeps.controller.failures import Waiting
from sweeps.controller.judge import Judge
from sweeps.controller.keep import Keeper
from sweeps.controller.population import policy_of
from sweeps.controller.proposals import Proposals, inside
from sweeps.controller.reading import Reading
from sweeps.controller.resume import Recovery
from sweeps.controller.safeguards import Safeguards
from sweeps.controller.verdict import Verdict, bound_losses, verdict_of
from sweeps.messages import (
    Continue,
    Decision,
    Exhausted,
    Interrupted,
    Outcome,
    Raised,
    Stop,
    TrialSpec,
    Wait,
)
from sweeps.paths import RunPaths
from sweeps.pruners import Pruner
from sweeps.samplers import Proposal, Sampler
from sweeps.spec import SweepSpec
from sweeps.study import StudyStore, TrialRecord
from sweeps.trial.handover import FolderShelf, HandOver, Shelf, link_checkpoint

ELAPSED_INTERVAL = 2.0  # seconds: the most wall time that a kill makes the budget forget


class Controller:
    """Ask / report / finish over one study. `start` first, `close` last.

    Args:
        spec: the sweep.
        paths: its results folder.
        store: its study, opened for writing.
        observers: called with every event, in order.
        clock: replaced by a virtual one in simulations.
        hand_over: gives a trial of a population another one's checkpoint.
        source: sha256 of the training function's source, kept with every trial.
        shelf: where ended trials' checkpoints lie; None for their folders.
    """

    def __init__(
        self,
        spec: SweepSpec,
        paths: RunPaths,
        store: StudyStore,
        sampler: Sampler,
        pruner: Pruner,
        observers: Sequence[Observer] = (),
        clock: Clock | None = None,
        hand_over: HandOver = link_checkpoint,
        source: str = "",
        shelf: Shelf | None = None,
    ) -> None:
        self._spec = spec
        self._paths = paths
        self._store = store
        self._pruner = pruner
        self._judge_curve = Judge(spec, pruner)
        self._policy = policy_of(pruner, spec, paths, store, hand_over)
        self._reading = Reading(spec)
        self._keeper = Keeper(spec.keep, spec.objectives, paths, shelf or FolderShelf(paths.trials))
        self._observers = observers
        self._clock = clock or Clock()
        self._entries = Entries(spec, paths, store, source, self._clock.time)
        self._proposals = Proposals(spec.space, sampler, spec.enqueue, spec.seed)
        self.records = store.records
        self._running: dict[int, RunningAttempt] = {}
        self._waiting: deque[TrialRecord] = deque()
        epochs = EpochBudget(spec.budget.epochs, spec.epochs, leaders_first=self._policy.independent)
        self._spending = Spending(
            spec.budget, spec.metric.goal, self._clock, epochs, store.elapsed, store.gpu_seconds
        )
        self._retries = Waiting(spec.retries, self._clock.monotonic)
        self._safeguards = Safeguards(spec)
        self._progress_written = self._clock.monotonic()
        self.interrupted = False
        self.halt_reason: str | None = None  # why it was interrupted from within
        self.halt_message: str | None = None
        self.end_reason: str | None = None

    def start(self, workers: int, gpus: float = 0.0) -> None:
        """Take up the study where it stands: decided trials end, cut-short ones wait for a worker.

        Args:
            workers: how many trials the engine runs at once.
            gpus: GPUs of one trial.
        """
        compared = [record for record in self.records if not record.outside]
        for record in compared:
            self._proposals.visit(record.params_at(1))
            self._proposals.observe(record)
        self._pruner.replay(compared)
        metric = self._spec.metric
        recovery = Recovery(self._paths, self._store, self._reading)
        for record in [record for record in self.records if not record.ended]:
            caught_up = recovery.catch_up(record)
            if record.state == "RUNNING":
                self._take_up(record)
            elif caught_up:
                record.stop_reason = "interrupted"  # it ran on: a pause that it had come to is behind it
                self._store.requeue(record)
        self._waiting = deque(record for record in self.records if record.state == "INTERRUPTED")
        self._write_progress()  # it may have ended before, and does no more
        self._store.sync()
        self._keeper.start(self.records)
        self._spending.begin(self.records, gpus)
        self._safeguards.start(self.records)
        self._emit(
            SweepStarted(
                time=self._clock.time(),
                metric=metric.name,
                engine=self._spec.engine,
                workers=workers,
                budget_trials=self._spec.budget.trials,
                budget=self._spec.budget.model_dump(),
                trials_started=len(self.records),
                states=dict(Counter(record.state for record in self.records)),
                best=self._spending.best,
            )
        )

    def _take_up(self, record: TrialRecord) -> None:
        """A trial that a dead driver left RUNNING: a decision it had taken stands, else it goes on."""
        stop = Stop(record.stop_reason) if record.stop_reason else None
        self._settle(record, verdict_of(record, stop, Interrupted()))

    # --- ask --------------------------------------------------------------------------------

    def ask(
        self, n: int = 1, within: Mapping[str, Any] | None = None, worker: str = ""
    ) -> list[TrialSpec] | Wait | Exhausted:
        """Up to ``n`` attempts to run now, each with the values that ``within`` gives its parameters.

        ``Exhausted`` comes only when nothing will ever run again. ``Wait`` means: nothing now. With
        ``within`` it may also mean that there is nothing for these values: ask without them.
        """
        specs: list[TrialSpec] = []
        while len(specs) < n:
            answer = self._next(within or {}, worker)
            if not isinstance(answer, TrialSpec):
                return specs or answer
            specs.append(answer)
        return specs

    def _next(self, within: Mapping[str, Any], worker: str) -> TrialSpec | Wait | Exhausted:
        if stop := self._nothing_starts():
            return self._end(stop)
        if self._safeguards.closed(worker):
            return Wait(closed=True)
        if self._safeguards.hold_back(len(self._running)):
            return Wait()
        if not self._spending.epochs.allows_attempt():
            return Wait() if self._running else self._end("budget.epochs")
        waiting = self._take_waiting(within)
        if waiting is not None:
            return self._restart(waiting, worker)
        if reason := self._all_started:
            return self._wait_or_end(reason)
        if not self._spending.epochs.allows_trial():
            return Wait()
        proposal = self._proposals.next(len(self.records), within, self._spending.time_left)
        if proposal is None:
            return (
                Wait() if within and not self._proposals.exhausted else self._wait_or_end("space exhausted")
            )
        return self._enter(proposal, worker)

    def _nothing_starts(self) -> str | None:
        """Why nothing starts any more, if so."""
        return (self.halt_reason or "interrupted") if self.interrupted else self._spending.spent()

    @property
    def _all_started(self) -> str | None:
        """Why no new trial starts, if so."""
        return self._spending.all_started(len(self.records))

    def _take_waiting(self, within: Mapping[str, Any]) -> TrialRecord | None:
        if self._all_started or self._proposals.exhausted:
            self._turn_generation()
        for record in self._waiting:
            ready = self._retries.over(record) and not self._policy.holds(record)
            if ready and inside(record.params, within):
                self._waiting.remove(record)
                return record
        return None

    def _turn_generation(self) -> None:
        generation = self._policy.turn(self.records)
        for descent in generation.exploits if generation else ():
            latest = self.records[descent.trial].inherited[-1]
            now = self._clock.time()
            self._emit(Exploited(now, descent.trial, latest.parent, latest.epoch, latest.changed))

    def _wait_or_end(self, reason: str) -> Wait | Exhausted:
        if self._waiting or self._running:  # what runs may fail and be retried, or lose its machine
            return Wait(self._retries.next(self._waiting))
        return self._end(reason)

    def _end(self, reason: str) -> Exhausted:
        self.end_reason = reason
        return Exhausted(reason)

    def _enter(self, proposal: Proposal, worker: str) -> TrialSpec:
        record = self._entries.enter(len(self.records), proposal, worker)
        self.records.append(record)
        self._proposals.visit(record.params)
        self._proposals.observe(record)
        return self._launch(record)

    def _restart(self, record: TrialRecord, worker: str) -> TrialSpec:
        self._entries.restart(record, worker)
        return self._launch(record)

    def _launch(self, record: TrialRecord) -> TrialSpec:
        now = self._clock.time()
        pause_at = self._policy.pause_at(record)
        self._running[record.number] = RunningAttempt(record, self._clock.monotonic(), pause_at)
        self._spending.begins(record)
        self._emit(TrialStarted(now, record.number, record.attempt, record.params, record.worker))
        return self._entries.spec_of(record, pause_at, self._policy.exploit(record))

    # --- report -----------------------------------------------------------------------------

    def report(self, trial: int, attempt: int, epoch: int, metrics: Mapping[str, float]) -> Decision:
        """Take in one epoch and say whether to go on. ``metrics`` holds the objective, as a float."""
        running = self._attempt(trial, attempt, "report")
        if running is None:
            return Stop("stale")
        if running.last is not None and epoch <= running.last[0]:
            return running.last[1]
        self._safeguards.reported(running.record.worker)
        with self._store.transaction():
            decision = running.stop or self._judge(running.record, epoch, metrics)
            running.last = (epoch, decision)
            if isinstance(decision, Stop) and running.stop is None:
                self._decide(running, decision, epoch)
        self._proposals.observe(running.record)
        self._emit(EpochReported(self._clock.time(), trial, attempt, epoch, metrics, decision))
        return decision

    def _judge(self, record: TrialRecord, epoch: int, metrics: Mapping[str, float]) -> Continue | Stop:
        if wrong := self._reading.wrong(metrics):
            record.error = f"{wrong} must be a finite number, and was {metrics.get(wrong)} at epoch {epoch}"
            return Stop("nonfinite")
        value, further = self._reading.value(metrics), self._reading.further(metrics)
        record.observe(epoch, value, self._reading.goal, further)
        self._spending.epochs.observe(record)
        self._store.write_epoch(record.number, epoch, value, further)
        decision = self._judge_curve.decide(record, epoch)
        if isinstance(decision, Stop) or epoch >= self._spec.epochs:
            return decision
        reached = self._spending.reaches_target(value) and not (further and any(further.excess))
        return self._out_of_budget(record, reached) or (Stop("interrupted") if self.interrupted else decision)

    def _out_of_budget(self, record: TrialRecord, reached: bool) -> Stop | None:
        """The Stop of a running trial that has ``reached`` the target, or when the budget is spent."""
        if reached:
            return Stop("target")
        if self._spending.spent() or not self._spending.epochs.allows_epoch(record):
            return Stop(self._policy.out_of_time)
        return None

    def _decide(self, running: RunningAttempt, stop: Stop, epoch: int) -> None:
        """A decision enters the study with its epoch, before it is sent: a crash cannot turn it round."""
        running.stop = stop
        if not stop.goes_on_later:
            running.record.stop_reason = stop.reason
            running.record.forget_after(epoch, self._spec.metric.goal)
            self._store.write_decision(running.record)

    # --- finish -----------------------------------------------------------------------------

    def finish(self, trial: int, attempt: int, outcome: Outcome) -> None:
        """Turn the attempt's outcome into a state, or queue a retry."""
        running = self._attempt(trial, attempt, "finish")
        if running is None:
            return
        del self._running[trial]
        record = running.record
        record.seconds += self._clock.monotonic() - running.begun
        verdict = verdict_of(record, running.stop, outcome, paused=running.paused)
        if running.last is not None and verdict.state != "INTERRUPTED":
            record.forget_after(running.last[0], self._spec.metric.goal)
        retry = self._settle(record, verdict)
        self._spending.ends(record, self.records)
        self._emit(TrialEnded(self._clock.time(), record, retry, verdict, self._spending.best))
        self._draw_conclusions(record, verdict)
        if isinstance(outcome, Raised) and outcome.kind == "disk" and not self.interrupted:
            self.halt("disk", outcome.message)

    def _draw_conclusions(self, record: TrialRecord, verdict: Verdict) -> None:
        """What an attempt's end means for its slot, and for the sweep."""
        now = self._clock.time()
        if failures := self._safeguards.close_slot(record, verdict):
            error = verdict.error or verdict.reason
            self._emit(SlotClosed(now, self._spec.engine, record.worker, failures, error))
        why = self._safeguards.stop_sweep(record)
        if why and not self.interrupted and not self.nothing_left:
            self.halt("breaker", why)

    def _settle(self, record: TrialRecord, verdict: Verdict) -> bool:
        """Give the trial its state, or a place in the queue; returns whether it goes on in this run."""
        if lost := verdict.again:
            verdict = bound_losses(record, verdict)
        failed = verdict.state == "FAILED" and not lost  # one lost too often is not tried again
        retry = verdict.again or (failed and self._retries.allows(record, verdict.reason))
        record.state = "INTERRUPTED" if retry else verdict.state
        record.stop_reason = "interrupted" if retry else verdict.reason
        record.error = verdict.error
        with self._store.transaction():
            self._write_progress()
            if record.ended:
                self._store.finish(record)
            else:
                self._store.requeue(record)
        self._store.sync()
        self._proposals.observe(record)
        if record.ended:
            self._keeper.ended(record)
            self._pruner.ended(record)
        else:
            self._waiting.append(record)
        return retry

    # --- the run as a whole -------------------------------------------------------------------

    @property
    def running(self) -> Mapping[int, TrialRecord]:
        """The trials that run now, by number."""
        return {number: attempt.record for number, attempt in self._running.items()}

    @property
    def elapsed(self) -> float:
        """Wall time in seconds, over all runs of this sweep."""
        return self._spending.elapsed

    @property
    def nothing_left(self) -> bool:
        """Whether every `ask` will say Exhausted; asking this changes nothing."""
        spent = bool(self._spending.spent()) or self._spending.epochs.is_spent
        if self._running or self._waiting:
            return spent and not self._running
        return spent or bool(self._all_started) or self._proposals.exhausted

    def interrupt(self) -> None:
        """Hand out nothing more and stop every trial at its next report. Safe in a signal handler."""
        self.interrupted = True

    def halt(self, reason: str, message: str) -> None:
        """`interrupt` from within; ``message`` is for people: the rule, what was found."""
        self.halt_reason, self.halt_message = reason, message
        self.interrupt()
        self._emit(SweepHalted(self._clock.time(), reason, message))

    def tick(self) -> None:
        """Call at least once a second: bounds what a power cut can take, and keeps the wall time used."""
        self._store.sync_if_due()
        now = self._clock.monotonic()
        if now - self._progress_written >= ELAPSED_INTERVAL:
            self._progress_written = now
            self._write_progress()
        self._emit(Ticked(self._clock.time()))

    def close(self) -> None:
        """After the engine has ended: the wall time used is stored, and the last event sent."""
        unfinished = self.interrupted and not all(record.ended for record in self.records)
        stopped = self.halt_reason or "interrupted"
        reason = stopped if unfinished else self.end_reason or stopped
        self.end_reason = reason
        self._write_progress(reason)
        self._store.sync()
        self._emit(SweepEnded(self._clock.time(), reason))

    def _write_progress(self, ended: str | None = None) -> None:
        self._store.write_progress(self.elapsed, self._spending.gpu_seconds, ended)

    def _attempt(self, trial: int, attempt: int, message: str) -> RunningAttempt | None:
        running = self._running.get(trial)
        if running is not None and running.record.attempt == attempt:
            return running
        self._emit(MessageIgnored(self._clock.time(), trial, attempt, message))
        return None

    def _emit(self, event: Event) -> None:
        for observer in self._observers:
            observer(event)
