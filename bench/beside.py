"""`--beside PATH`: measure another checkout in turns with this one, with the bench code of this one.

Both apps run all the time and share one pretend recorder; plain ffmpeg is not measured. The order changes from run
to run, so that a slow drift of the machine affects both. Only the ratios are meaningful: each app runs while the
other one idles.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from bench.figures import Figure, in_words

TABLE_HEAD = "| What | The other checkout | This one | Ratio |\n|---|---|---|---|"


@dataclass(frozen=True, slots=True)
class Compared:
    """One row of the table, with one value per run in `unit`."""

    what: str
    unit: str
    ours: list[float] = field(default_factory=list)
    others: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> float | None:
        """The median of ours divided by the other's; None if a median is missing or the divisor is 0."""
        if not self.ours or not self.others or not statistics.median(self.others):
            return None
        return statistics.median(self.ours) / statistics.median(self.others)


def in_turns(
    measure_ours: Callable[[], Iterable[Figure]], measure_others: Callable[[], Iterable[Figure]], runs: int
) -> Iterator[Compared]:
    """Measure both sides once in each run; yield the rows in the order of the figures."""
    rows: dict[str, Compared] = {}
    for run in range(runs):
        for is_ours in (True, False) if run % 2 else (False, True):
            for figure in (measure_ours if is_ours else measure_others)():
                row = rows.setdefault(figure.what, Compared(figure.what, figure.unit))
                (row.ours if is_ours else row.others).extend(figure.ours)
    yield from rows.values()


def row(compared: Compared) -> str:
    """Return the comparison as a line of the table under TABLE_HEAD."""
    ratio = "-" if compared.ratio is None else f"{compared.ratio:.2f}"
    others, ours = in_words(compared.others, compared.unit), in_words(compared.ours, compared.unit)
    return f"| {compared.what} | {others} | {ours} | {ratio} |"
