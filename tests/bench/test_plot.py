"""The plot: its axes, rows, texts, colours and size."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from bench import plot
from bench.figures import Figure

FIGURES = [
    Figure("behind reality", "ms", [139, 128, 190], [6863, 6700, 7000], goal=350, label="live", axis="behind"),
    Figure("a click", "ms", [180.0], [240.0], goal=200, label="click, warm", axis="first"),
    Figure("wall", "%", [9, 8.5], [34, 30], goal=25, label="wall of 16", axis="cpu"),
    Figure("a list", "ms", [2.0]),
]


def luminance(colour: str) -> float:
    """Return the relative luminance as WCAG 2 defines it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_each_axis_is_labelled_with_its_unit_and_holds_its_rows() -> None:
    axes = plot.draw(FIGURES, is_dark=False).axes
    assert [each.get_title(loc="left") for each in axes] == [title for title, _ in plot.AXES.values()]
    assert [each.get_xlabel().split()[0] for each in axes] == ["ms", "ms", "%"]
    rows = [[label.get_text() for label in each.get_yticklabels()] for each in axes]
    assert rows == [["live"], ["click, warm"], ["wall of 16"]]


def test_medians_are_written_next_to_their_marks() -> None:
    behind, first, cpu = plot.draw(FIGURES, is_dark=False).axes
    assert {text.get_text() for text in behind.texts} == {"139", "6863"}
    assert {text.get_text() for text in first.texts} == {"180", "240"}
    assert {text.get_text() for text in cpu.texts} == {"8.8", "32"}


def test_an_axis_without_figures_is_left_out() -> None:
    assert len(plot.draw(FIGURES[:1], is_dark=True).axes) == 1
    assert not plot.draw([], is_dark=True).axes


@pytest.mark.parametrize("is_dark", [False, True])
def test_the_plot_is_large_and_has_enough_contrast(tmp_path: Path, is_dark: bool) -> None:
    plot.draw(FIGURES, is_dark=is_dark).savefig(tmp_path / "plot.png", dpi=plot.DPI)
    colours = plot.colours(is_dark=is_dark)
    with Image.open(tmp_path / "plot.png") as image:
        assert image.width >= 2 * 720
        corner = image.convert("RGB").crop((2, 2, 3, 3)).tobytes().hex()
    assert f"#{corner}" == colours.paper
    for colour in (colours.ink, colours.ours, colours.plain):
        assert contrast(colour, colours.paper) > 4.5, colour
