"""``pareto.svg``: the front among all trials, a panel for each pair of objectives.

Written by hand, since a plotting library would be a dependency for one picture. Nothing in it is loaded or
run; names of metrics are escaped.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

import pyarrow as pa

from sweeps.printable import printable
from sweeps.results.layout import Layout

_WIDTH, _HEIGHT = 460, 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 20, 30, 50  # margins round a panel's frame
_TICKS = 5
_LOG_FROM = 50.0  # an axis whose ends are so far apart, as a ratio, is logarithmic
_SEEN = 0.95  # share of the trials that an axis shows inside; the others stand on the frame
_MARKS = {  # what is drawn later covers what was drawn before
    "pruned": 'r="2" fill="#cccccc"',
    "infeasible": 'r="2.5" fill="none" stroke="#d08770"',
    "complete": 'r="3" fill="#8a94a6"',
    "front": 'r="4" fill="#c62f2f"',
}


@dataclass(frozen=True, slots=True)
class Mark:
    """One trial: its number, what it counts as, and its objectives."""

    number: int
    kind: str
    values: Sequence[float]


def pareto_svg(trials: pa.Table, layout: Layout) -> str:
    """The picture as text. ``trials`` is the whole table of a sweep with several metrics."""
    names = list(layout.goals)
    marks = sorted(_marks(trials, names), key=lambda mark: list(_MARKS).index(mark.kind))
    pairs = list(itertools.combinations(range(len(names)), 2))
    panels = [_panel(marks, pair, layout, place * _WIDTH) for place, pair in enumerate(pairs)]
    size = f'width="{_WIDTH * len(pairs)}" height="{_HEIGHT + 24}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="11">'
    return "\n".join(
        [head, '<rect width="100%" height="100%" fill="white"/>', *panels, _legend(), "</svg>\n"]
    )


def _marks(trials: pa.Table, names: Sequence[str]) -> list[Mark]:
    wanted = [f"best.{name}" for name in names]
    if not set(wanted) <= set(trials.column_names):  # nothing has been reported yet
        return []
    columns = ["number", "state", "front", *(["feasible"] if "feasible" in trials.column_names else [])]
    rows = trials.select([*columns, *wanted]).to_pylist()
    return [
        Mark(row["number"], kind, [row[name] for name in wanted])
        for row in rows
        if (kind := _kind(row)) and all(math.isfinite(row[name]) for name in wanted)
    ]


def _kind(row: dict[str, object]) -> str | None:
    if row["front"]:
        return "front"
    if row["state"] not in ("COMPLETE", "PRUNED"):
        return None
    if row.get("feasible") is False:
        return "infeasible"
    return "complete" if row["state"] == "COMPLETE" else "pruned"


class Axis:
    """Numbers to places between ``start`` and ``end``; what lies beyond stands at the nearer of them."""

    def __init__(self, shown: Sequence[float], values: Sequence[float], start: float, end: float) -> None:
        """``shown`` are inside for certain, of ``values`` most."""
        ordered = sorted(values)
        cut = len(ordered) - math.ceil(len(ordered) * _SEEN)
        inner = [*shown, *ordered[cut : len(ordered) - cut]] or [0.0, 1.0]
        low, high = min(inner), max(inner)
        self._log = low > 0 and high / low > _LOG_FROM
        self._start, self._end = start, end
        low, high = self._scaled(low), self._scaled(high)
        margin = 0.05 * (high - low) or 0.5
        self._low, self._high = low - margin, high + margin

    def _scaled(self, value: float) -> float:
        return math.log10(max(value, 1e-300)) if self._log else value

    def __call__(self, value: float) -> float:
        share = (self._scaled(value) - self._low) / (self._high - self._low)
        return self._start + min(max(share, 0.0), 1.0) * (self._end - self._start)

    def ticks(self) -> list[float]:
        steps = [self._low + (self._high - self._low) * i / (_TICKS - 1) for i in range(_TICKS)]
        return [10**step if self._log else step for step in steps]


def _panel(marks: Sequence[Mark], pair: tuple[int, int], layout: Layout, left: float) -> str:
    points = [(mark, mark.values[pair[0]], mark.values[pair[1]]) for mark in marks]
    front = [point for point in points if point[0].kind == "front"]
    edges = (left + _LEFT, left + _WIDTH - _RIGHT, _HEIGHT - _BOTTOM, _TOP)
    x = Axis([p[1] for p in front], [p[1] for p in points], edges[0], edges[1])
    y = Axis([p[2] for p in front], [p[2] for p in points], edges[2], edges[3])
    labels = [f"{printable(name)} ({goal})" for name, goal in layout.goals.items()]
    parts = [*_frame(x, y, edges), *_labels(labels[pair[0]], labels[pair[1]], edges)]
    parts += [
        f'<circle cx="{x(across):.1f}" cy="{y(up):.1f}" {_MARKS[mark.kind]}>'
        f"<title>trial {mark.number}: {across:.6g}, {up:.6g}</title></circle>"
        for mark, across, up in points
    ]
    return "\n".join(parts)


def _frame(x: Axis, y: Axis, edges: tuple[float, float, float, float]) -> list[str]:
    left, right, bottom, top = edges
    size = f'width="{right - left:.0f}" height="{bottom - top:.0f}"'
    parts = [f'<rect x="{left:.0f}" y="{top:.0f}" {size} fill="none" stroke="#999999"/>']
    for value in x.ticks():
        parts.append(
            f'<text x="{x(value):.1f}" y="{bottom + 15:.0f}" text-anchor="middle">{value:.3g}</text>'
        )
    for value in y.ticks():
        parts.append(f'<text x="{left - 5:.0f}" y="{y(value) + 4:.1f}" text-anchor="end">{value:.3g}</text>')
    return parts


def _labels(across: str, up: str, edges: tuple[float, float, float, float]) -> list[str]:
    left, right, bottom, top = edges
    middle = (left + right) / 2
    return [
        f'<text x="{middle:.0f}" y="{bottom + 34:.0f}" text-anchor="middle">{escape(across)}</text>',
        f'<text x="{left:.0f}" y="{top - 10:.0f}">{escape(up)}</text>',
    ]


def _legend() -> str:
    parts = []
    for place, (kind, mark) in enumerate(_MARKS.items()):
        x, y = 20 + 90 * place, _HEIGHT + 8
        parts.append(f'<circle cx="{x}" cy="{y}" {mark}/><text x="{x + 10}" y="{y + 4}">{kind}</text>')
    return "\n".join(parts)
