"""Arguments of the measurements, time rules of key frames, latencies and delays of viewers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from bench.__main__ import PARTS, measured, options_of
from bench.clicks import key_frame_wait_ms
from bench.figures import Figure
from bench.live import behind_of
from bench.viewers import summary

RULE: dict[str, Any] = {"fps": 25, "phase": 0.25, "offset": 10, "frames": 400, "gop_frames": 50}
NOW_S = 1_800_000_000.0


def test_all_parts_are_measured_and_written_unless_some_are_named() -> None:
    everything = options_of([])
    assert (everything.parts, everything.writes, everything.runs) == (PARTS, True, 3)
    some = options_of(["--only", "wall", "live", "--runs", "1", "--window", "8"])
    assert (some.parts, some.writes, some.runs, some.window) == (("live", "wall"), False, 1, 8.0)
    assert options_of(["--only", "live", "--write"]).writes
    assert options_of(["--only", "engines", "mse"]).parts == ("mse", "engines")


@pytest.mark.parametrize(
    "argv",
    [["--only", "nothing"], ["--runs", "0"], ["--window", "0"], ["--plot", "--only", "live"], ["--plot", "--write"]],
)
def test_invalid_arguments_are_refused(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        options_of(argv)
    assert "error:" in capsys.readouterr().err


def sent_at(index: int) -> float:
    """Return the time at which RULE first sends the frame with this number after NOW_S."""
    tick = int(NOW_S * 25) + 1
    while (tick + 10) % 400 != index:
        tick += 1
    return (tick + 0.25) / 25


def test_a_failed_part_is_reported_and_the_others_are_kept(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def failing() -> Iterator[Figure]:
        yield Figure("half of it", "ms", [1.0])
        raise RuntimeError("a tile stays dark")

    parts = [("wall", failing()), ("list", iter([Figure("a list", "ms", [2.0])]))]
    monkeypatch.setattr("bench.__main__._measuring", lambda *_: parts)
    assert [each.part for each in measured(("wall", "list"), 1, 1.0, "python -m bench")] == ["list"]
    assert "wall was not measured: a tile stays dark" in capsys.readouterr().err


@pytest.mark.parametrize("index", [0, 50, 350])
def test_the_wait_for_a_key_frame_ends_when_one_is_sent(index: int) -> None:
    key_s = sent_at(index)
    assert key_frame_wait_ms(key_s - 0.7, RULE) == pytest.approx(700, abs=1)
    assert key_frame_wait_ms(key_s - 1.99, RULE) == pytest.approx(1990, abs=1)
    assert key_frame_wait_ms(key_s + 0.001, RULE) == pytest.approx(1999, abs=1)


def test_latency_is_computed_from_readable_frames_only() -> None:
    seen = [(index, 1000 * (sent_at(index) + 0.2)) for index in range(100, 120)] + [(-1, 0.0)] * 5
    found = behind_of(seen, RULE, 25)
    assert found.median_ms == pytest.approx(200, abs=1)
    assert found.p95_ms == pytest.approx(200, abs=1)
    with pytest.raises(RuntimeError, match="only 20 of 90"):
        behind_of(seen, RULE, 90)


def test_viewers_without_frames_are_counted() -> None:
    found = summary([[1.0, 2.0, 3.0], [4.0, 40.0, 5.0], []])
    assert found == {
        "pictures": 6,
        "median_ms": 3.0,
        "p95_ms": 40.0,
        "worst_viewer_ms": 5.0,
        "worst_viewer_p95_ms": 40.0,
        "without_pictures": 1,
    }
