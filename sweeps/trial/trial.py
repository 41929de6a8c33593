"""The Trial that a training or test function receives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from sweeps.errors import ReportError, TrialError
from sweeps.messages import Decision, Stop, TrialSpec
from sweeps.paths import TrialPaths
from sweeps.trial.checkpoint import Checkpoint
from sweeps.trial.config import Config
from sweeps.trial.facts import Fact, clean_facts, write_facts
from sweeps.trial.metrics import MetricsFile, scalar_metrics
from sweeps.trial.progress import Progress, load_objects
from sweeps.trial.world import ALONE, World, state_of_first


class Channel(Protocol):
    """The way to the controller."""

    def report(self, epoch: int, metrics: Mapping[str, float]) -> Decision:
        """Tell the metrics of an epoch and wait for the decision."""


class Trial:
    """One attempt of one trial, seen from inside the training function.

    Attributes:
        config: the configuration, nested as in the YAML, read-only; by key or attribute.
        number: the trial's number, from 0.
        attempt: 1 for the first start, one more for every restart of the same number.
        max_epochs: the most epochs this trial may train, >= 1; what a schedule runs out at.
        seed: 0 <= seed < 2**63; Python, NumPy and torch are seeded with it already.
        device: "cpu" or "cuda:0", this rank's own, to be given to ``model.to(...)``.
        rank: with ``distributed``, which of the trial's processes this is, 0 <= rank < world_size; else 0.
        world_size: how many processes run this trial together; 1 without ``distributed``.
        directory: the trial's own folder; it exists.
    """

    def __init__(
        self, spec: TrialSpec, channel: Channel | None = None, device: str = "cpu", world: World = ALONE
    ) -> None:
        """``channel`` None makes a trial for a test function: it restores but neither trains nor reports."""
        self.config = Config(spec.config)
        self.number = spec.number
        self.attempt = spec.attempt
        self.max_epochs = spec.epochs
        self.seed = spec.seed
        self.device = device
        self.rank = world.rank
        self.world_size = world.size
        self.directory: Path = spec.directory
        self._spec = spec
        self._channel = channel
        self._world = world
        self._metrics = MetricsFile(TrialPaths(spec.directory).metrics, spec.number, spec.attempt)
        self._facts: dict[str, Fact] = {}
        self._progress: Progress | None = None
        self._looped = False
        self._open_epoch: int | None = None  # the epoch the loop is in
        self._reported = 0  # the last epoch reported, or restored
        self._stop: Stop | None = None
        self._end = spec.epochs if spec.pause_at is None else spec.pause_at

    def epochs(self, *unnamed: Any, **objects: Any) -> Iterator[int]:
        """Yield the number of each epoch to train: 1, 2, ... and call ``report`` exactly once in each.

        With objects (models, optimizers, schedulers, torch.Generator, anything with ``state_dict`` and
        ``load_state_dict``) the loop goes on after the last whole epoch of an earlier attempt, everything and
        all random number generators restored; it saves ``last.pt`` between epochs and ``best.pt`` at every
        strict improvement. It ends after the last epoch or when the trial is stopped. If it was not pruned,
        the objects then hold the state of the best epoch; a loop left by ``break`` restores nothing: call
        ``restore_best`` behind it. Without objects nothing is saved and every attempt starts at 1.

        In a population (``pruner: pbt``) the loop also ends where the trial waits for the others; a further
        attempt goes on, perhaps from another trial's state, with the configuration of then.

        Raises TrialError for an object without state or a second loop, ReportError for an epoch without a
        report, CheckpointError if an earlier attempt's state does not fit the objects.
        """
        if self._channel is None:
            raise TrialError(
                "a test function cannot train: call trial.restore_best(model=model) instead of epochs()"
            )
        if unnamed:
            raise TrialError(
                f"trial.epochs() takes its objects by name, found a bare {type(unnamed[0]).__name__}: write "
                "trial.epochs(model=model, optimizer=optimizer)"
            )
        if self._looped:
            raise TrialError(
                "trial.epochs() is one loop over a trial's epochs: it cannot be called a second time"
            )
        self._looped = True
        if objects:
            paths = TrialPaths(self.directory)
            self._progress = Progress(paths, self._spec.goal, objects, self._world, self.log)
        return self._loop()

    def report(
        self, metrics: Mapping[str, Any] | None = None, /, *, epoch: int | None = None, **named: Any
    ) -> None:
        """Tell one epoch's metrics, the objective among them: numbers, or tensors of one element.

        Inside ``trial.epochs()`` the epoch is known; elsewhere pass ``epoch``, larger each time and at most
        the sweep's ``epochs``, and look at ``should_stop`` afterwards. Raises ReportError for a wrong epoch,
        a second report of one, a value that is not a number, or a missing objective.

        In a trial of several ranks each of them reports, and waits for the others: the metrics of rank 0
        count, so reduce them before, and all ranks get the same answer.
        """
        if self._channel is None:
            raise TrialError(
                "a test function cannot report: return its metrics as a dict, e.g. {'accuracy': 0.98}"
            )
        if self._spec.pause_at is not None and self._progress is None:
            raise TrialError(_nothing_to_go_on_from(self._spec.pause_at))
        now = self._next_epoch(epoch)
        clean: dict[str, float] = {}
        if self.rank == 0:
            clean = scalar_metrics({**(metrics or {}), **named}, self._spec.metric, self._spec.besides)
            # On disk first: whatever the controller knows as the best epoch can be restored.
            if self._progress and self._open_epoch:
                self._progress.save_if_best(now, clean[self._spec.metric])
            self._metrics.append(now, clean)
        self._reported = now
        decision = self._channel.report(now, clean)
        self._stop = decision if isinstance(decision, Stop) else self._pause_after(now)

    @property
    def should_stop(self) -> bool:
        """Whether the last report was answered with a stop: return from the function then."""
        return self._stop is not None

    @property
    def stop_reason(self) -> str | None:
        """Why the trial is to stop: a pruner's name, "early_stopping", "budget", "interrupted" or "paused";
        None to go on.
        """
        return self._stop.reason if self._stop else None

    def restore_best(self, **objects: Any) -> None:
        """Give ``objects``, named as in ``trial.epochs``, the state of the best epoch.

        In a trial of several ranks all of them call it. Raises CheckpointError if there is no whole
        ``best.pt`` or it does not fit.
        """
        best = Checkpoint(TrialPaths(self.directory).best)
        state = state_of_first(self._world, "trial.restore_best()", best.load)
        assert state is not None  # load() returns one or raises
        load_objects(objects, state["objects"], f"{best.path}")

    def record(self, /, **facts: Any) -> None:
        """Note facts about the trial itself, such as its number of weights: ``info.<name>`` in the tables.

        Finite numbers, booleans and strings of at most 200 characters, at any time; a later call adds to an
        earlier one or corrects it. A further attempt of the trial begins anew. Of several ranks those of
        rank 0 count. Raises TrialError for anything else.
        """
        if self._channel is None:
            raise TrialError(
                "a test function cannot record: return facts with its metrics, e.g. {'accuracy': 0.98, ...}"
            )
        self._facts |= clean_facts(facts)
        if self.rank == 0:
            write_facts(TrialPaths(self.directory).facts, self._facts)

    def log(self, message: object) -> None:
        """Write one line with the time to the trial's log."""
        print(f"{datetime.now().astimezone():%Y-%m-%d %H:%M:%S}  {message}", flush=True)

    def check_paused(self) -> None:
        """Called by the engine when the function has returned.

        Raises TrialError for a trial that is to go on later, and whose latest epoch was not saved.
        """
        if self.stop_reason == "paused" and self._progress and self._progress.saved != self._reported:
            raise TrialError(
                f"the loop over trial.epochs() must end by itself after epoch {self._reported}, where the "
                "trial waits for the others of its population (pruner: pbt), and it was left before that "
                "epoch was saved: let it come back for the next epoch, without break or return"
            )

    def close(self, *, finished: bool) -> None:
        """Release the files; called by the engine after the function ended, ``finished`` if it returned."""
        self._metrics.close()
        if finished and self._progress:
            self._progress.discard_fallbacks()

    def _loop(self) -> Iterator[int]:
        if self._progress:
            self._reported = self._progress.resume(self._spec.exploit)
            self._stop = self._pause_after(self._reported)
            if self._reported:
                self.log(f"going on {self._origin()} (attempt {self.attempt})")
        try:
            while self._reported < self._end and not self._stop:
                self._open_epoch = self._reported + 1
                yield self._open_epoch
                self._end_epoch(self._open_epoch)
        finally:
            self._open_epoch = None
        if self._progress and (self._stop is None or self._stop.keeps_best):
            self._progress.restore_best()

    def _origin(self) -> str:
        exploit, epoch = self._spec.exploit, self._reported
        inherited = exploit is not None and exploit.epoch == epoch
        return f"after epoch {epoch}" + (f" of trial {exploit.parent}" if exploit and inherited else "")

    def _pause_after(self, epoch: int) -> Stop | None:
        return Stop("paused") if epoch == self._spec.pause_at else None

    def _end_epoch(self, epoch: int) -> None:
        if self._reported != epoch:
            raise ReportError(
                f"epoch {epoch} ended without a report: call trial.report(...) exactly once an epoch"
            )
        # After the loop body, so that a scheduler.step() behind the report is kept. A stopped trial is not
        # continued, save one that is only cut short.
        if self._progress and (self._stop is None or self._stop.goes_on_later):
            self._progress.save_last(epoch)

    def _next_epoch(self, given: int | None) -> int:
        if self._open_epoch is None:
            return self._free_epoch(given)
        if given not in (None, self._open_epoch):
            raise ReportError(f"report got epoch={given!r} inside epoch {self._open_epoch}: leave it out")
        if self._reported == self._open_epoch:
            raise ReportError(f"epoch {self._reported} was reported twice: call report exactly once an epoch")
        return self._open_epoch

    def _free_epoch(self, given: int | None) -> int:
        if given is None:
            raise ReportError("outside trial.epochs() the epoch must be given: trial.report(..., epoch=1)")
        whole = isinstance(given, int) and not isinstance(given, bool)
        if not whole or not self._reported < given <= self._spec.epochs:
            raise ReportError(
                "epochs count from 1: epoch must be a whole number above the last reported, "
                f"{self._reported}, and at most the sweep's epochs, {self._spec.epochs}; found {given!r}"
            )
        return given


def _nothing_to_go_on_from(epoch: int) -> str:
    return (
        f"a trial of a population (pruner: pbt) pauses after epoch {epoch} and goes on from its checkpoint, "
        "and this function saves none: train in `for epoch in trial.epochs(model=model, optimizer=opt):`, or "
        "choose another pruner"
    )
