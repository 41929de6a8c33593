"""The release bundle of a winner: the model, ``config.json``, ``metrics.json``, ``test.json``.

Of a population also ``schedule.json``: ``{"segments": [{"from": 1, "to": 5, "trial": 3, "params": {...}}]}``,
the configurations that led to the winner's best epoch, through its parents.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sweeps.errors import CheckpointError, CorruptStudyError, RefusedError
from sweeps.messages import TrialSpec
from sweeps.paths import BestPaths, RunPaths, TrialPaths, is_inside, replace_file
from sweeps.results.choices import read_choice, read_json
from sweeps.results.lineage import Segment
from sweeps.results.strict import strict
from sweeps.results.winner import Winner
from sweeps.seeding import trial_seed
from sweeps.trial.checkpoint import Checkpoint
from sweeps.trial.curve import read_epochs

if TYPE_CHECKING:
    from sweeps.spec import SweepSpec


@dataclass(frozen=True, slots=True)
class Exported:
    """The files of the model, or why there are none."""

    files: Sequence[str] = ()
    note: str | None = None


def trial_spec(spec: SweepSpec, winner: Winner) -> TrialSpec:
    """The winner as its training function saw it."""
    return TrialSpec(
        number=winner.number,
        attempt=winner.attempt,
        config=winner.config,
        seed=trial_seed(spec.seed, winner.number),
        epochs=spec.epochs,
        metric=winner.metric,
        goal=spec.metric.goal,
        directory=winner.directory,
    )


def write_descriptions(best: BestPaths, spec: SweepSpec, winner: Winner, exported: Exported) -> None:
    """Write ``config.json``, ``schedule.json``, then ``metrics.json``: the winner at its best epoch."""
    write_json(best.config, winner.config)
    if winner.schedule:
        write_json(best.schedule, {"segments": [_segment(part) for part in winner.schedule]})
    metrics = {
        "sweep": spec.name,
        "trial": winner.number,
        "objective": {"name": winner.metric, "goal": spec.metric.goal, "value": winner.value},
        **({"further": dict(winner.further)} if winner.further else {}),
        "best_epoch": winner.epoch,
        "metrics": strict(dict(metrics_at(winner))),
        "export": list(exported.files),
        "note": exported.note,
    }
    write_json(best.metrics, metrics)


def write_bundle(paths: RunPaths, spec: SweepSpec, winner: Winner, target: Path) -> None:
    """Fill the empty folder ``target`` with the winner's bundle, copied from ``best/`` where that is his.

    Raises:
        CheckpointError: the winner's checkpoint is damaged.
        RefusedError: a file of ``best/`` is a link out of the results folder.
    """
    from sweeps.export import export_model, is_whole_model

    best = paths.best
    if released(best) == winner.number and is_whole_model(best.model):
        for file in (best.model, best.config, best.schedule, best.metrics, best.test):
            if file.exists():
                _copy(file, target, paths)
        return
    require_checkpoint(winner)
    files, note = export_model(trial_spec(spec, winner), target, spec.export)
    write_descriptions(BestPaths(target), spec, winner, Exported(files, note))


def require_checkpoint(winner: Winner) -> None:
    """Before its model is taken out of ``best.pt``, where it saved one.

    Raises:
        CheckpointError: the file is damaged, or missing.
    """
    try:
        Checkpoint(TrialPaths(winner.directory).best).check()
    except CheckpointError as error:
        raise CheckpointError(
            f"{error}; it holds the winner's model, and trial {winner.number} cannot be exported or tested "
            "without it: restore the file from a backup, or train this configuration again (enqueue: in a "
            "new sweep)"
        ) from error


def _copy(file: Path, target: Path, paths: RunPaths) -> None:
    if not is_inside(file, paths.root):
        raise RefusedError(
            f"{file}: what is exported must lie in the results folder, and this is a link out of it: put the "
            "file itself there"
        )
    shutil.copy(file, target)


def _segment(part: Segment) -> dict[str, Any]:
    return {"from": part.first, "to": part.last, "trial": part.trial, "params": dict(part.params)}


def metrics_at(winner: Winner) -> Mapping[str, float]:
    """Every metric that the winner reported at its best epoch."""
    rows = read_epochs(TrialPaths(winner.directory).metrics)
    return next((row.metrics for row in rows if row.epoch == winner.epoch), {winner.metric: winner.value})


def released(best: BestPaths) -> int | None:
    """The number of the trial whose bundle it is; None if there is no whole one, so that it is made anew."""
    try:
        record = read_choice(best.metrics)
        for beside in (best.config, best.schedule):
            read_json(beside)
    except CorruptStudyError:
        return None
    if record is None or (best.model.name in record.get("export", ()) and not best.model.exists()):
        return None
    return int(record["trial"])


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    replace_file(path, (json.dumps(data, indent=2, allow_nan=False) + "\n").encode())
