"""Regret over simulated time as a PNG: a panel for each number of workers."""

from __future__ import annotations

import math
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from benchmarks.search.regret import GRID
from benchmarks.search.report import Row, count_of

SCALE = 2  # drawn larger and reduced, for smooth lines
WIDTH, HEIGHT, MARGIN, LEGEND = 460, 380, 50, 190
LEAST, MOST = 0.01, 1.0
TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
COLOURS = (
    *("#d62728", "#1f77b4", "#2ca02c", "#ff7f0e", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f"),
    *("#bcbd22", "#17becf", "#000000", "#aec7e8", "#98df8a"),
)


def plot(rows: list[Row], path: Path) -> None:
    """Write ``path``; the same method has the same colour in each panel."""
    methods = list(dict.fromkeys(row.method for row in rows))
    workers = sorted({row.workers for row in rows})
    size = (len(workers) * WIDTH + LEGEND, max(HEIGHT, 2 * MARGIN + 18 * len(methods)))
    image = Image.new("RGB", (size[0] * SCALE, size[1] * SCALE), "white")
    canvas = Canvas(ImageDraw.Draw(image))
    for place, number in enumerate(workers):
        panel = Panel(canvas, place * WIDTH)
        panel.frame(count_of(number))
        for row in rows:
            if row.workers == number:
                panel.curve(row.regret, COLOURS[methods.index(row.method) % len(COLOURS)])
    for line, method in enumerate(methods):
        y = MARGIN + 18 * line
        canvas.line([(size[0] - LEGEND, y), (size[0] - LEGEND + 20, y)], COLOURS[line % len(COLOURS)], 2)
        canvas.text((size[0] - LEGEND + 26, y), method, "lm")
    image.resize(size, Image.Resampling.LANCZOS).save(path)


class Canvas:
    """Lines and words in coordinates of the reduced image."""

    def __init__(self, draw: ImageDraw.ImageDraw) -> None:
        self._draw = draw
        self._font = ImageFont.load_default(11 * SCALE)

    def line(self, points: list[tuple[float, float]], colour: str, width: float) -> None:
        scaled = [(x * SCALE, y * SCALE) for x, y in points]
        self._draw.line(scaled, fill=colour, width=round(width * SCALE), joint="curve")

    def text(self, at: tuple[float, float], words: str, anchor: str) -> None:
        self._draw.text((at[0] * SCALE, at[1] * SCALE), words, fill="#222222", font=self._font, anchor=anchor)


class Panel:
    """One diagram: time from left to right, regret on a log scale."""

    def __init__(self, canvas: Canvas, left: float) -> None:
        self._canvas = canvas
        self._left, self._right = left + MARGIN, left + WIDTH - 15
        self._top, self._bottom = 30, HEIGHT - MARGIN

    def frame(self, title: str) -> None:
        self._canvas.text(((self._left + self._right) / 2, 14), title, "mm")
        for tick in TICKS:
            y = self._y(tick)
            self._canvas.line([(self._left, y), (self._right, y)], "#dddddd", 1)
            self._canvas.text((self._left - 5, y), f"{tick:g}", "rm")
        for share in (0.0, 0.25, 0.5, 0.75, 1.0):
            self._canvas.text((self._x(share), self._bottom + 12), f"{share:.0%}", "mm")
        self._canvas.text(((self._left + self._right) / 2, self._bottom + 30), "mean regret over time", "mm")

    def curve(self, regret: list[float], colour: str) -> None:
        points = [(self._x(share), self._y(value)) for share, value in zip(GRID, regret, strict=True)]
        self._canvas.line([(self._x(0.0), self._y(1.0)), *points], colour, 1.6)

    def _x(self, share: float) -> float:
        return self._left + share * (self._right - self._left)

    def _y(self, regret: float) -> float:
        height = math.log(min(max(regret, LEAST), MOST) / LEAST) / math.log(MOST / LEAST)
        return self._bottom - height * (self._bottom - self._top)
