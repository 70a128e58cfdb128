"""The files of measurements in `docs/performance`: JSON as the source, a table, and a light and a dark plot."""

from __future__ import annotations

import itertools
from pathlib import Path

from bench import plot
from bench.figures import TABLE_HEAD, Measurement, as_json, from_json, row
from bench.setting import ROOT

FOLDER = ROOT / "docs" / "performance"
JSON, TABLE, LIGHT, DARK = "measured.json", "measured.md", "measured-light.png", "measured-dark.png"


def read(folder: Path) -> list[Measurement]:
    """Return the saved measurements; an empty list if the folder has none."""
    file = folder / JSON
    return from_json(file.read_text("utf-8")) if file.exists() else []


def write(folder: Path, measurements: list[Measurement]) -> list[Path]:
    """Write JSON, table and plots; return their paths."""
    text = as_json(measurements)
    kept = from_json(text)  # rounded, so that `--plot` writes the same table from the JSON
    (folder / JSON).write_text(text, "utf-8")
    (folder / TABLE).write_text(markdown(kept), "utf-8")
    figures = [figure for each in kept for figure in each.figures]
    for name, is_dark in ((LIGHT, False), (DARK, True)):
        plot.draw(figures, is_dark=is_dark).savefig(folder / name, dpi=plot.DPI)
    return [folder / name for name in (JSON, TABLE, LIGHT, DARK)]


def markdown(measurements: list[Measurement]) -> str:
    """Return the page: one table for the parts that one command measured together."""
    lines = [
        "# Measured",
        "",
        "Written by `make bench`: medians, with the range in brackets. Plain ffmpeg ran in turns with the app.",
        f"The rows are explained in {_link('live.md')} and {_link('recordings.md')}.",
        "",
        "<picture>",
        f'  <source media="(prefers-color-scheme: dark)" srcset="{DARK}">',
        f'  <img src="{LIGHT}" alt="This app beside plain ffmpeg: behind reality, to the first picture, CPU">',
        "</picture>",
    ]
    for (command, facts), parts in itertools.groupby(measurements, lambda each: (each.command, each.facts)):
        figures = [figure for each in parts for figure in each.figures]
        lines += ["", f"## `{command}`", "", *(f"- {name}: {text}" for name, text in facts.items())]
        lines += ["", TABLE_HEAD, *map(row, figures)]
    return "\n".join(lines) + "\n"


def _link(page: str) -> str:
    """Return a link to a page of the folder, with the page's title as its text."""
    title, _, _ = (FOLDER / page).read_text("utf-8").partition("\n")
    return f"[{title.removeprefix('# ')}]({page})"
