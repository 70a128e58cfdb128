"""Statistics, table rows and saved files of the measurements of `make bench`."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import report
from bench.figures import Figure, Measurement, as_json, from_json, in_words, merged, percentile, row

LIVE = Figure("behind reality", "ms", [139.4, 128.0, 190.2], [6863.0, 6700.0], goal=350, label="live", axis="behind")
FACTS = {"Date": "2026-11-25 20:00 UTC", "Machine": "Some, 2 cores"}


def test_a_percentile_is_a_value_that_was_measured() -> None:
    hundred = [float(value) for value in range(100, 0, -1)]
    assert (percentile(hundred, 0.5), percentile(hundred, 0.95), percentile(hundred, 1)) == (50, 95, 100)
    assert percentile([7.0], 0.95) == 7.0
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0.01, 1))
def test_a_percentile_divides_the_values_at_its_share(values: list[float], share: float) -> None:
    found = percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-6
    assert sum(value < found for value in values) < share * len(values)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([], "-"),
        ([0.0], "0 %"),
        ([0.494], "0.49 %"),
        ([2.24], "2.2 %"),
        ([24.4], "24 %"),
        ([30.0, 10.0, 20.0], "20 % (10 to 30, 3 runs)"),
    ],
)
def test_values_are_written_with_significant_digits(values: list[float], text: str) -> None:
    assert in_words(values, "%") == text


def test_a_row_states_the_goal_and_if_it_is_met() -> None:
    assert row(LIVE) == (
        "| behind reality | 6782 ms (6700 to 6863, 2 runs) | 139 ms (128 to 190, 3 runs) | under 350 ms: met |"
    )
    assert row(Figure("x", "ms", [350.0], goal=350)).endswith("| - | 350 ms | under 350 ms: **not met** |")
    assert row(Figure("x", "ms", [350.0])).endswith("| - | 350 ms |  |")


def test_measurements_survive_a_round_trip_through_json() -> None:
    measured = [Measurement("live", "python -m bench", FACTS, [LIVE]), Measurement("list", "x", {}, [])]
    assert from_json(as_json(measured)) == measured


def test_a_new_measurement_replaces_only_its_part() -> None:
    old = [
        Measurement("wall", "old", FACTS, []),
        Measurement("live", "old", FACTS, []),
        Measurement("gone", "", {}, []),
    ]
    new = [Measurement("live", "new", FACTS, [LIVE])]
    assert [(each.part, each.command) for each in merged(old, new, ("live", "wall"))] == [
        ("live", "new"),
        ("wall", "old"),
    ]


def test_the_page_has_a_table_with_facts_for_each_command() -> None:
    other = Figure("list", "ms", [2.0])
    page = report.markdown(
        [
            Measurement("live", "python -m bench", FACTS, [LIVE]),
            Measurement("wall", "python -m bench", FACTS, [LIVE]),
            Measurement("list", "python -m bench --only list --write", {"Date": "later"}, [other]),
        ]
    )
    assert page.count("| What |") == 2
    first, second = page.split("## `python -m bench --only list --write`")
    assert first.count(row(LIVE)) == 2
    assert "- Machine: Some, 2 cores" in first
    assert "- Date: later" in second
    assert row(other) in second


def test_table_and_plots_are_written_with_their_source(tmp_path: Path) -> None:
    measured = [Measurement("live", "python -m bench", FACTS, [LIVE])]
    assert report.read(tmp_path) == []
    close = Figure("close to a border", "ms", [0.4949999])
    report.write(tmp_path, [Measurement("live", "x", FACTS, [close])])
    assert (tmp_path / report.TABLE).read_text("utf-8") == report.markdown(report.read(tmp_path))
    written = report.write(tmp_path, measured)
    assert sorted(path.name for path in written) == sorted(path.name for path in tmp_path.iterdir())
    assert report.read(tmp_path) == measured
    for name in (report.LIGHT, report.DARK):
        assert f'"{name}"' in (tmp_path / report.TABLE).read_text("utf-8")


def test_the_table_in_the_documents_matches_the_saved_json() -> None:
    kept = report.read(report.FOLDER)
    assert (report.FOLDER / report.TABLE).read_text("utf-8") == report.markdown(kept)
