"""The winner of a sweep: its best COMPLETE trial, of several metrics by the leading one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sweeps.errors import NoUsableTrialError, UsageError
from sweeps.messages import Goal, State
from sweeps.paths import BestPaths, RunPaths
from sweeps.results.choices import read_choice
from sweeps.results.curves import known_epochs
from sweeps.results.lineage import Segment, schedule
from sweeps.results.notes import note_of
from sweeps.results.strict import with_numbers
from sweeps.study.objectives import Objectives
from sweeps.study.record import TrialRecord

if TYPE_CHECKING:
    from sweeps.spec import SweepSpec


_NONE: Mapping[str, Goal] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Winner:
    """The best COMPLETE trial, or another one that was asked for, at its best epoch."""

    number: int
    attempt: int  # the one that completed
    metric: str  # the objective's name
    value: float  # the objective at `epoch`
    epoch: int
    params: Mapping[str, Any]  # those of that epoch; flat: dotted name -> value, active parameters only
    config: Mapping[str, Any]  # nested as in the YAML; fixed and searched values together
    directory: Path  # the trial's folder
    test: Mapping[str, Any] | None = None  # what the test function returned; None until it was tested
    diagnosis: str | None = None  # what its curves say, see sweeps.results.diagnosis; None if too little
    further: Mapping[str, float] = field(default_factory=dict)  # the objectives besides `metric`, by name
    schedule: Sequence[Segment] = ()  # of a population: the configurations that led to `epoch`, from 1 on


def choose(records: Sequence[TrialRecord], goal: Goal, further: Mapping[str, Goal] = _NONE) -> TrialRecord:
    """The best COMPLETE trial inside the space that holds the constraints on metrics.

    Of equal ones that which is better by the ``further`` objectives, in their order, so that it is on the
    front; at last that with the lowest number.

    Raises:
        NoUsableTrialError: there is none.
    """
    usable = Objectives(goal, further).usable(records)
    if not usable:
        raise NoUsableTrialError(_nothing_to_choose(records))
    return usable[0][2]


def find_winner(paths: RunPaths, spec: SweepSpec, records: Sequence[TrialRecord]) -> Winner:
    """`choose`, with all that is known of the trial.

    Raises:
        NoUsableTrialError: no trial is COMPLETE.
    """
    return described(paths, spec, records, choose(records, spec.metric.goal, spec.objectives.further))


def find_trial(paths: RunPaths, spec: SweepSpec, records: Sequence[TrialRecord], number: int) -> Winner:
    """Trial ``number`` in the winner's place, with all that is known of it.

    Raises:
        UsageError: there is no such COMPLETE trial.
    """
    record = next((record for record in records if record.number == number), None)
    if record is None or record.state != "COMPLETE" or record.best_epoch is None:
        found = "there is none of that number" if record is None else f"it is {record.state}"
        raise UsageError(
            f"trial {number} must be COMPLETE, and {found}: choose one from `sweep show`, or leave the "
            "number out for the winner"
        )
    return described(paths, spec, records, record)


def described(
    paths: RunPaths, spec: SweepSpec, records: Sequence[TrialRecord], record: TrialRecord
) -> Winner:
    """All that is known of one of ``records``, which is COMPLETE."""
    assert record.value is not None and record.best_epoch is not None  # COMPLETE trials have both
    trial = paths.trial(record.number)
    metric, params = spec.metric, record.params_at(record.best_epoch)
    of_population = spec.pruner.name == "pbt"
    return Winner(
        number=record.number,
        attempt=record.attempt,
        metric=metric.name,
        value=record.value,
        epoch=record.best_epoch,
        params=dict(params),
        config=spec.space.config(params),
        directory=trial.directory,
        test=tested(paths.best, record.number),
        diagnosis=note_of(trial, record, known_epochs(trial, record), metric.name, metric.goal).diagnosis,
        further=_further(record, spec.objectives),
        schedule=schedule(records, record.number, record.best_epoch) if of_population else (),
    )


def _further(record: TrialRecord, objectives: Objectives) -> Mapping[str, float]:
    values = objectives.values(record) or []
    return dict(zip(objectives.further, values[1:], strict=False))


def tested(best: BestPaths, number: int) -> Mapping[str, Any] | None:
    """What the test of trial ``number`` gave, if it was the last one tested."""
    record = read_choice(best.test)
    if record is None or record["trial"] != number:
        return None
    metrics: dict[str, Any] = with_numbers(record.get("metrics") or {})
    return metrics


def scalars(test: Mapping[str, Any]) -> dict[str, Any]:
    """What of a test's result fits on a line: neither lists nor dicts."""
    return {name: value for name, value in test.items() if not isinstance(value, list | dict)}


def _nothing_to_choose(records: Sequence[TrialRecord]) -> str:
    inside = [record for record in records if not record.outside]
    states = Counter(record.state for record in inside)
    counted = ", ".join(f"{count} {state}" for state, count in sorted(states.items())) or "no trial at all"
    if len(inside) < len(records):
        counted += f", and {len(records) - len(inside)} outside of the edited space"
    must = "be a COMPLETE trial"
    if "COMPLETE" in states:
        must += " that holds the metric_constraints"
    return f"the winner must {must}, and there is none ({counted}): {_remedy(inside, states)}"


def _remedy(records: Sequence[TrialRecord], states: Mapping[State, int]) -> str:
    if not records or "RUNNING" in states or "INTERRUPTED" in states:
        return "let the sweep go on, with `sweep resume`, and a larger budget.wall where that has ended it"
    if "COMPLETE" in states:
        return "loosen metric_constraints in a new sweep, or go on with a larger budget"
    failed = next((record for record in records if record.state == "FAILED"), None)
    if failed is None and any(record.stop_reason == "budget" for record in records):
        rule = "the budget must leave at least one trial the time to end"
        return f"{rule}: raise what has ended the sweep, or lower workers"
    if failed is None:
        return "raise what has ended the sweep, or choose a milder pruner"
    cause = failed.error or failed.stop_reason
    return f"repair what trial {failed.number} failed of ({cause}); see trials/{failed.number:04d}/log.txt"
