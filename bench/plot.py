"""The figures as a plot: a row per figure, a dot per run, a mark at each median, a tick at the goal."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from bench.figures import Figure

DPI = 200  # twice the pixels of a page
_WIDTH_IN = 8.0
_ROW_IN = 0.3
_AROUND_IN = 0.75  # title and labels of one axis
_LEGEND_IN = 0.5

# axis -> (title, label with unit)
AXES = {
    "behind": ("Behind reality", "ms from the sending of a picture to its showing (logarithmic)"),
    "first": ("To the first moving picture", "ms (logarithmic)"),
    "cpu": ("Processor", "% of one core (logarithmic)"),
}


@dataclass(frozen=True, slots=True)
class Colours:
    paper: str
    ink: str
    faint: str
    ours: str
    plain: str


# The colours of both sides also differ in lightness, and their marks in shape.
_LIGHT = Colours("#ffffff", "#1f2328", "#d0d7de", "#0b62c4", "#a85b00")
_DARK = Colours("#0d1117", "#e6edf3", "#30363d", "#63a9ff", "#f0a445")


def colours(*, is_dark: bool) -> Colours:
    return _DARK if is_dark else _LIGHT


def draw(figures: Sequence[Figure], *, is_dark: bool) -> Canvas:
    """Draw the figures that have an axis; leave out axes without figures."""
    scheme = colours(is_dark=is_dark)
    found = {axis: [figure for figure in figures if figure.axis == axis and figure.ours] for axis in AXES}
    shown = {axis: rows for axis, rows in found.items() if rows}
    heights = [_AROUND_IN + _ROW_IN * len(rows) for rows in shown.values()]
    ink = scheme.ink
    with rc_context(
        {
            "font.family": "DejaVu Sans",  # part of matplotlib, so the plot is equal on every machine
            "font.size": 8.5,
            "text.color": ink,
            "axes.labelcolor": ink,
            "xtick.color": ink,
            "ytick.color": ink,
        }
    ):
        canvas = Canvas(figsize=(_WIDTH_IN, _LEGEND_IN + sum(heights)), facecolor=scheme.paper, layout="constrained")
        canvas.legend(handles=_legend(scheme), loc="outside upper center", ncols=3, frameon=False)
        if shown:
            places = canvas.subplots(len(shown), 1, squeeze=False, height_ratios=heights)[:, 0]
            for place, (axis, rows) in zip(places, shown.items(), strict=True):
                _draw_axis(place, axis, rows, scheme)
        canvas.draw_without_rendering()  # finds the fonts while the settings hold
    return canvas


def _draw_axis(axes: Axes, axis: str, rows: list[Figure], scheme: Colours) -> None:
    title, label = AXES[axis]
    axes.set_title(title, loc="left", fontweight="bold", fontsize=10)
    axes.set_xlabel(label)
    axes.set_facecolor(scheme.paper)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_yticks(range(len(rows)), [figure.label for figure in rows])
    axes.tick_params(axis="y", length=0)
    axes.set_xscale("log")  # start times range from 0.1 s to 20 s, CPU from 1 % to 30 % of a core
    for number, figure in enumerate(rows):
        _draw_row(axes, number, figure, scheme)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.margins(x=0.12)
    axes.grid(visible=True, axis="x", color=scheme.faint, linewidth=0.6)
    axes.set_axisbelow(True)
    for side in axes.spines.values():
        side.set_visible(False)


def _draw_row(axes: Axes, number: int, figure: Figure, scheme: Colours) -> None:
    if figure.goal is not None:
        axes.plot([figure.goal] * 2, [number - 0.36, number + 0.36], color=scheme.ink, linewidth=1.2)
    for values, colour, mark, place in (
        (figure.plain, scheme.plain, "s", number + 0.21),
        (figure.ours, scheme.ours, "o", number - 0.21 if figure.plain else number),
    ):
        if not values:
            continue
        middle = statistics.median(values)
        axes.plot([min(values), max(values)], [place] * 2, color=colour, linewidth=1)
        axes.plot(values, [place] * len(values), ".", color=colour, markersize=3)
        axes.plot([middle], [place], mark, color=colour, markersize=5.5)
        said = f"{middle:.0f}" if middle >= 10 else f"{middle:.2g}"
        axes.annotate(
            said,
            (max(values), place),
            (6, 0),
            textcoords="offset points",
            va="center",
            fontsize=7.5,
            color=colour,
            bbox={"facecolor": scheme.paper, "edgecolor": "none", "pad": 0.2},
        )


def _legend(scheme: Colours) -> list[Line2D]:
    return [
        Line2D([], [], color=scheme.ours, marker="o", markersize=5.5, linewidth=1, label="this app"),
        Line2D([], [], color=scheme.plain, marker="s", markersize=5.5, linewidth=1, label="plain ffmpeg HLS"),
        Line2D([], [], color=scheme.ink, marker="|", markersize=9, linewidth=0, label="ours stays below"),
    ]
