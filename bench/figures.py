"""Measurements as records: a figure holds one value per run, of this app and of plain ffmpeg. Table rows and JSON."""

from __future__ import annotations

import itertools
import json
import math
import statistics
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

TABLE_HEAD = "| What | Plain ffmpeg | This app | Goal |\n|---|---|---|---|"


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of the table. `ours` and `plain` hold one value per run, in `unit`; `plain` is empty without comparison.

    The median of `ours` has to stay below `goal`. `label` and `axis` (see `bench.plot`) are the row's place in the
    plot; without them the row is in the table only.
    """

    what: str
    unit: str
    ours: list[float]
    plain: list[float] = field(default_factory=list)
    goal: float | None = None
    label: str = ""
    axis: str = ""

    @property
    def is_met(self) -> bool | None:
        """True if the median is below the goal; None without a goal or values."""
        return statistics.median(self.ours) < self.goal if self.ours and self.goal is not None else None


@dataclass(frozen=True, slots=True)
class Measurement:
    """One part, measured by `command`. `facts` describe the machine and the versions, text by name."""

    part: str
    command: str
    facts: dict[str, str]
    figures: list[Figure]


def percentile(values: Iterable[float], share: float) -> float:
    """Return the smallest of `values` that at least `share` (0 to 1) of them do not exceed.

    Raise ValueError if there are no values.
    """
    ordered = sorted(values)
    if not ordered:
        raise ValueError("no values")
    return ordered[max(0, math.ceil(len(ordered) * share) - 1)]


def in_words(values: list[float], unit: str) -> str:
    """Return the median and the range, as `320 ms (280 to 410, 5 runs)`; `-` without values."""
    if not values:
        return "-"
    middle = f"{_number(statistics.median(values))} {unit}"
    if len(values) == 1:
        return middle
    return f"{middle} ({_number(min(values))} to {_number(max(values))}, {len(values)} runs)"


def row(figure: Figure) -> str:
    """Return the figure as a line of the table under TABLE_HEAD."""
    goal = ""
    if figure.goal is not None:
        met = {True: "met", False: "**not met**", None: "not measured"}[figure.is_met]
        goal = f"under {_number(figure.goal)} {figure.unit}: {met}"
    plain, ours = in_words(figure.plain, figure.unit), in_words(figure.ours, figure.unit)
    return f"| {figure.what} | {plain} | {ours} | {goal} |"


def as_json(measurements: list[Measurement]) -> str:
    """Return the measurements as JSON, with values rounded to hundredths: no measurement is more precise."""
    found = [asdict(each) for each in measurements]
    for figure in itertools.chain.from_iterable(each["figures"] for each in found):
        figure.update({name: [round(value, 2) for value in figure[name]] for name in ("ours", "plain")})
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


def from_json(text: str) -> list[Measurement]:
    """Return the measurements that `as_json` wrote. Raise KeyError or TypeError for other JSON."""
    return [
        Measurement(each["part"], each["command"], each["facts"], [Figure(**figure) for figure in each["figures"]])
        for each in json.loads(text)
    ]


def merged(old: list[Measurement], new: list[Measurement], order: tuple[str, ...]) -> list[Measurement]:
    """Replace old measurements by new ones of the same part, in this order. Leave out parts that are not in `order`."""
    by_part = {each.part: each for each in (*old, *new)}
    return [by_part[part] for part in order if part in by_part]


def _number(value: float) -> str:
    """Return at least two significant digits: 6863, 24, 2.2, 0.49, 0."""
    if abs(value) >= 10 or value == int(value):
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 1 else f"{value:.2f}"
