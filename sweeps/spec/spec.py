"""The checked sweep that everything else reads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ConfigDict, Field

from sweeps.space import Params, Space
from sweeps.space.limits import Limit, parse_limit
from sweeps.spec.document import differences, to_document, to_yaml
from sweeps.spec.model import Settings

if TYPE_CHECKING:
    from sweeps.study import Objectives


class SweepSpec(Settings):
    """One sweep, every rule of its file held; equal to another exactly where `difference` finds nothing.

    ``enqueue`` holds flat configurations that `space` contains. ``source`` is the file as given, ``path``
    its absolute path.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    space: Space
    enqueue: tuple[Params, ...] = ()
    source: bytes = Field(repr=False)
    path: Path

    @classmethod
    def of(
        cls, settings: Settings, *, space: Space, enqueue: tuple[Params, ...], source: bytes, path: Path
    ) -> SweepSpec:
        """The spec of checked parts."""
        given = {name: getattr(settings, name) for name in settings.model_fields_set}
        return cls(**given, space=space, enqueue=enqueue, source=source, path=path)

    @property
    def code(self) -> str:
        """The function that decides what its trials report: training, or a simulation's curves."""
        return self.curves if self.simulated and self.curves is not None else self.train

    @property
    def objectives(self) -> Objectives:
        """What trials are compared by."""
        from sweeps.study import Objectives  # it needs Optuna, which `import sweeps.spec` must not

        return Objectives(self.metric.goal, {each.name: each.goal for each in self.metric.further})

    @property
    def limits(self) -> tuple[Limit, ...]:
        """What has to hold of a trial's metrics."""
        return tuple(map(parse_limit, self.metric_constraints))

    @property
    def watched(self) -> tuple[str, ...]:
        """The metrics besides the leading one that every report must hold."""
        named = sorted({name for limit in self.limits for name in limit.names} - {self.metric.name})
        return tuple(dict.fromkeys([*self.objectives.further, *named]))

    @property
    def final_test(self) -> str | None:
        """What the winner is tested by; a simulated sweep has no model to test."""
        return None if self.simulated else self.test

    def document(self) -> dict[str, Any]:
        """Everything in the shape of the file, defaults filled in."""
        return to_document(self, self.space, self.enqueue)

    def resolved(self) -> str:
        """`document` as YAML, which loads to an equal spec."""
        return to_yaml(self.document())

    def difference(self, other: SweepSpec) -> list[str]:
        """``budget.trials: 100 -> 200``: what ``other`` has otherwise; neither place nor spelling counts."""
        return differences(self.document(), other.document())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SweepSpec) and not self.difference(other)

    def __hash__(self) -> int:
        return hash(self.resolved())
