"""A sheet that looks like a dark dashboard: numbers come in, a picture goes out."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from prom.errors import PromError

try:
    import matplotlib as mpl
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, MaxNLocator
    from PIL import Image
except ImportError as error:
    raise PromError(
        "drawing needs matplotlib, which is not among the locked packages. Bring it into an "
        "environment of its own, outside the repository, and use that one's python:\n"
        "  uv venv /tmp/draw && uv pip install --python /tmp/draw matplotlib pyyaml\n"
        "  PYTHONPATH=tests:docs /tmp/draw/bin/python -m prom draw --out docs/img"
    ) from error

COLUMNS = 24
INCHES, DPI = 15.0, 80
LINE = 0.29
"""Inches of one line of the grid."""
PAPER, PANEL, EDGE, GRID = "#111217", "#181b1f", "#2c3035", "#2a2d31"
WORDS, FAINT = "#d8d9da", "#9a9ca0"
NAMED = {"green": "#73bf69", "red": "#f2495c", "text": WORDS}
SERIES = (
    "#73bf69", "#f2cc0c", "#8ab8ff", "#ff780a", "#f2495c",
    "#5794f2", "#b877d9", "#9d8df1", "#37872d", "#fade2a",
)  # fmt: skip
LOOKS = {
    "font.size": 7,
    "font.family": "DejaVu Sans",
    "axes.facecolor": PANEL,
    "axes.edgecolor": EDGE,
    "figure.facecolor": PAPER,
    "text.color": WORDS,
    "axes.labelcolor": WORDS,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "grid.color": GRID,
}
HEAT = LinearSegmentedColormap.from_list("heat", (PANEL, "#7a3403", "#ff780a", "#ffd9b3"))

Place = Mapping[str, int]
"""x, y, w and h on the grid."""


def words(value: float, unit: str) -> str:
    """Write a value as Grafana would, nearly."""
    if math.isnan(value):
        return "-"
    if math.isinf(value):
        return "more"
    return _WORDS.get(unit, _plain)(value)


def _plain(value: float) -> str:
    return f"{value / 1000:.3g} K" if value >= 10_000 else f"{value:.4g}"


def _seconds(value: float) -> str:
    for size, name in ((3600, "h"), (60, "min"), (1, "s")):
        if value >= size:
            return f"{value / size:.3g} {name}"
    return f"{value * 1000:.3g} ms" if value else "0 s"


def _bytes(value: float) -> str:
    return f"{value / 2**20:.0f} MiB" if value < 2**30 else f"{value / 2**30:.1f} GiB"


_WORDS = {
    "s": _seconds,
    "bytes": _bytes,
    "decmbytes": lambda value: f"{value / 1000:.0f} GB",
    "percentunit": lambda value: f"{value * 100:.0f} %",
    "ops": lambda value: f"{value:.3g}/s",
    "reqps": lambda value: f"{value:.3g}/s",
}


class Table:
    """Lines of labels, and a column for each query."""

    def __init__(self, *, default_unit: str, units: Mapping[str, str]) -> None:
        self._default, self._units = default_unit, units
        self._labels: dict[str, None] = {}
        self._columns: dict[str, None] = {}
        self._lines: dict[tuple[tuple[str, str], ...], dict[str, float]] = {}

    def add(self, column: str, metric: Mapping[str, str], value: float) -> None:
        """Put one value where it belongs."""
        labels = {name: text for name, text in metric.items() if name != "__name__"}
        self._labels |= dict.fromkeys(labels)
        self._columns[column] = None
        self._lines.setdefault(tuple(sorted(labels.items())), {})[column] = value

    @property
    def head(self) -> list[str]:
        """Titles of the columns."""
        return [*self._labels, *self._columns]

    @property
    def lines(self) -> list[list[str]]:
        """What stands in them."""
        return [
            [*(dict(labels).get(one, "") for one in self._labels), *self._values(line)]
            for labels, line in sorted(self._lines.items())
        ]

    def _values(self, line: Mapping[str, float]) -> list[str]:
        return [
            words(line.get(one, math.nan), self._units.get(one, self._default))
            for one in self._columns
        ]


class Paper:
    """Takes panels and becomes a picture."""

    def __init__(self, *, height: int) -> None:
        self._height = height
        mpl.rcParams.update(LOOKS)
        self._figure = Figure(figsize=(INCHES, height * LINE), dpi=DPI)

    def save(self, path: Path) -> None:
        """Write it with few colours, which makes a third of it."""
        raw = io.BytesIO()
        self._figure.savefig(raw, format="png")
        image = Image.open(raw).convert("RGB")
        few = image.quantize(128, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        few.save(path, optimize=True)

    def row(self, title: str, place: Place) -> None:
        """Write a heading."""
        self._say(place, 0.12, 0.5, f"▾ {title}", size=9, weight="bold", va="center")

    def stat(
        self, title: str, place: Place, values: Sequence[tuple[str, float, str]], *, unit: str
    ) -> None:
        """Write large figures, each with its name and colour."""
        self._panel(title, place)
        for index, (name, value, colour) in enumerate(values):
            x = place["w"] * (index + 0.5) / len(values)
            middle = {"ha": "center", "va": "center"}
            self._say(place, x, 2.3, words(value, unit), size=18, color=NAMED[colour], **middle)
            self._say(place, x, 3.35, name, size=7, color=FAINT, **middle)

    def table(self, title: str, place: Place, table: Table) -> None:
        """Write lines, over the whole width of the panel."""
        self._panel(title, place)
        lines = [table.head, *table.lines]
        lefts = _lefts(lines, place["w"])
        for number, line in enumerate(lines):
            y = 1.75 + 1.0 * number
            self._rule(place, y + 0.5)
            for left, cell in zip(lefts, line, strict=True):
                colour = FAINT if number == 0 else WORDS
                self._say(place, left, y, cell, size=7.5, color=colour, va="center")

    def heatmap(
        self,
        title: str,
        place: Place,
        cells: Sequence[Sequence[float]],
        bounds: Sequence[float],
        *,
        unit: str,
    ) -> None:
        """Draw a column for each moment and a line for each bound."""
        self._panel(title, place)
        axes = self._axes(place, below=1.0)
        extent = (0, 24, 0, len(cells))
        axes.imshow(
            cells, aspect="auto", origin="lower", cmap=HEAT, interpolation="nearest", extent=extent
        )
        names = [words(bound, unit) for bound in bounds]
        axes.set_yticks([number + 0.5 for number in range(len(names))], names)
        _hours(axes)

    def series(
        self,
        title: str,
        place: Place,
        rows: Sequence[tuple[str, list[float]]],
        *,
        hours: float,
        stacked: bool,
        bars: bool,
        unit: str,
        most: float | None,
    ) -> None:
        """Draw lines, or bars, or areas that stand on each other; always in steps."""
        self._panel(title, place)
        names = [name for name, _ in rows]
        across = _across(names, place["w"])
        axes = self._axes(place, below=1.15 + 0.6 * math.ceil(len(rows) / across))
        base = [0.0] * len(rows[0][1])
        for index, (name, values) in enumerate(rows):
            colour = SERIES[index % len(SERIES)]
            at = [number * hours for number in range(len(values))]
            if not stacked:
                axes.plot(at, values, color=colour, lw=1.1, label=name, drawstyle="steps-post")
                continue
            top = [a + (0.0 if math.isnan(b) else b) for a, b in zip(base, values, strict=True)]
            if bars:
                height = [b - a for a, b in zip(base, top, strict=True)]
                middles = [x - hours / 2 for x in at]
                axes.bar(middles, height, bottom=base, width=hours, color=colour, label=name)
            else:
                axes.fill_between(
                    at, base, top, step="post", color=colour, alpha=0.55, lw=0, label=name
                )
            base = top
        _scale(axes, unit=unit, most=most)
        _hours(axes)
        self._legend(axes, place, across)

    def _legend(self, axes: Any, place: Place, across: int) -> None:
        below = 0.95 / (place["h"] - 2.0)
        axes.legend(
            loc="upper left",
            bbox_to_anchor=(-0.02, -below),
            ncols=across,
            frameon=False,
            fontsize=6,
            handlelength=1.2,
            columnspacing=1.2,
            labelspacing=0.3,
        )

    def _panel(self, title: str, place: Place) -> None:
        box = self._box(place, left=0.06, right=0.06, above=0.08, below=0.08)
        axes = self._figure.add_axes(box)
        axes.set(xticks=[], yticks=[])
        self._say(place, 0.22, 0.75, title, size=8, weight="bold", va="center")

    def _axes(self, place: Place, *, below: float) -> Any:
        axes = self._figure.add_axes(self._box(place, left=0.95, right=0.3, above=1.4, below=below))
        axes.tick_params(length=2)
        return axes

    def _box(
        self, place: Place, *, left: float, right: float, above: float, below: float
    ) -> tuple[float, float, float, float]:
        """Return a place of the grid, less its margins, as matplotlib wants it."""
        return (
            (place["x"] + left) / COLUMNS,
            1 - (place["y"] + place["h"] - below) / self._height,
            (place["w"] - left - right) / COLUMNS,
            (place["h"] - above - below) / self._height,
        )

    def _say(self, place: Place, x: float, y: float, text: str, *, size: float, **how: Any) -> None:
        right, down = (place["x"] + x) / COLUMNS, 1 - (place["y"] + y) / self._height
        self._figure.text(right, down, text, fontsize=size, **how)

    def _rule(self, place: Place, y: float) -> None:
        down = 1 - (place["y"] + y) / self._height
        ends = (place["x"] + 0.22) / COLUMNS, (place["x"] + place["w"] - 0.22) / COLUMNS
        line = mpl.lines.Line2D(ends, (down, down), color=EDGE, lw=0.8)
        self._figure.add_artist(line)


def _lefts(lines: Sequence[Sequence[str]], width: int) -> list[float]:
    """Return where each column begins, by the longest that stands in it."""
    longest = [max(map(len, column)) + 2 for column in zip(*lines, strict=True)]
    room = (width - 0.5) / sum(longest)
    return [0.25 + room * sum(longest[:index]) for index in range(len(longest))]


def _across(names: Sequence[str], width: int) -> int:
    """Return how many names find room beside each other."""
    return max(1, min(len(names), int(width * 9 / (max(map(len, names)) + 6))))


def _scale(axes: Any, *, unit: str, most: float | None) -> None:
    axes.set_ylim(0, (most or axes.get_ylim()[1] or 1) * 1.06)
    axes.yaxis.set_major_locator(MaxNLocator(4, steps=_steps(unit, axes.get_ylim()[1])))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: words(value, unit)))
    axes.grid(visible=True, lw=0.5)
    axes.set_axisbelow(True)


def _steps(unit: str, top: float) -> list[float]:
    """Return what makes round ticks: of long times, in minutes or in hours."""
    if unit != "s" or top < 120:
        return [1, 2, 2.5, 5, 10]
    return [1, 1.2, 1.8, 3, 6, 10] if top < 7200 else [1.8, 3.6, 7.2]


def _hours(axes: Any) -> None:
    axes.set_xlim(0, 24)
    axes.set_xticks(range(0, 25, 4), [f"{hour:02d}:00" for hour in range(0, 25, 4)])
