"""I7: the winner's checkpoint is what was written, and the exported model equals it."""

from __future__ import annotations

from collections.abc import Iterator

from sweeps.errors import CheckpointError, CorruptStudyError, NoUsableTrialError
from sweeps.export import best_model, read_model, same_weights
from sweeps.paths import TrialPaths, checksum_path
from sweeps.results.choices import read_choice
from sweeps.results.winner import choose
from sweeps.trial.checkpoint import Checkpoint
from sweeps.verify.evidence import Evidence
from sweeps.verify.finding import Check, Finding

_WHAT = "the best checkpoint is whole, and the exported model equals it"


def the_best_checkpoint_is_whole(evidence: Evidence) -> Check:
    try:
        objectives = evidence.spec.objectives
        winner = choose(evidence.shown, objectives.goal, objectives.further)
    except NoUsableTrialError:
        return Check("I7", _WHAT, skipped="no trial is COMPLETE")
    assert winner.best_epoch is not None  # a COMPLETE trial has one
    paths = evidence.paths.trial(winner.number)
    if not paths.best.exists() and not checksum_path(paths.best).exists():
        return Check("I7", _WHAT, skipped=f"trial {winner.number} keeps no checkpoint here")
    damaged = list(_damage(paths, winner.number, winner.best_epoch))
    return Check("I7", _WHAT, damaged or list(_export(evidence)))


def _damage(paths: TrialPaths, number: int, epoch: int) -> Iterator[Finding]:
    try:
        state = Checkpoint(paths.best).load()
    except CheckpointError as error:
        yield Finding("I7", str(error), number)
        return
    if state.get("epoch") != epoch:
        told = f"{paths.best.name} holds epoch {state.get('epoch')}, and the best of the study is {epoch}"
        yield Finding("I7", told, number)


def _export(evidence: Evidence) -> Iterator[Finding]:
    """The bundle may be an earlier winner's: it is compared with that trial's checkpoint."""
    best = evidence.paths.best
    try:
        told = read_choice(best.metrics)
        if told is not None and best.model.name in told.get("export", ()):  # else there is no bundle
            yield from _difference(evidence, told["trial"])
    except CorruptStudyError as error:
        yield Finding("I7", str(error))


def _difference(evidence: Evidence, number: int) -> Iterator[Finding]:
    model = evidence.paths.best.model
    if not model.exists():
        yield Finding("I7", f"{model.name} was exported, and is missing", number)
        return
    try:
        weights, metadata = read_model(model)
        kept = best_model(evidence.paths.trial(number).best)
    except CheckpointError as error:
        yield Finding("I7", str(error), number)
        return
    if metadata.get("trial") != str(number):
        yield Finding(
            "I7", f"{model.name} is of trial {metadata.get('trial')}, and the bundle is not", number
        )
    elif kept.weights is not None and not same_weights(weights, kept.weights):
        yield Finding("I7", f"{model.name} differs from the trial's best checkpoint", number)
