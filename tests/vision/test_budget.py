"""The child's share of the processor: what it leaves out while it is over its share."""

from __future__ import annotations

from dataclasses import dataclass

from vision.budget import Budget, OwnClocks, own_memory


@dataclass
class _Clocks(OwnClocks):
    """Clocks that a test moves."""

    wall: float = 0.0
    cpu: float = 0.0

    def wall_s(self) -> float:
        return self.wall

    def cpu_s(self) -> float:
        return self.cpu


class _Memory:
    def used_bytes(self) -> int:
        return 5

    def close(self) -> None:
        pass


def _skipped(budget: Budget, clocks: _Clocks, share: float, seconds: int = 6, key: str = "1:1") -> list[bool]:
    """Let some seconds go by at this share of the processor, a key frame each."""
    found = []
    for _ in range(seconds):
        clocks.wall += 1
        clocks.cpu += share
        found.append(budget.skips(key, is_key=True))
    return found


def test_nothing_is_skipped_within_the_share() -> None:
    clocks = _Clocks()
    budget = Budget(0.25, clocks, _Memory())
    assert not any(_skipped(budget, clocks, 0.24, 30))
    assert not budget.cost().skips


def test_every_second_key_frame_is_skipped_above_the_share() -> None:
    clocks = _Clocks()
    budget = Budget(0.25, clocks, _Memory())
    _skipped(budget, clocks, 0.4)
    assert _skipped(budget, clocks, 0.2, 4) in ([True, False, True, False], [False, True, False, True])
    assert budget.cost().skips
    assert not budget.only_keys


def test_only_key_frames_are_watched_if_skipping_is_not_enough() -> None:
    clocks = _Clocks()
    budget = Budget(0.25, clocks, _Memory())
    _skipped(budget, clocks, 0.4, 12)
    assert budget.only_keys
    _skipped(budget, clocks, 0.05, 8)
    assert not budget.only_keys
    assert budget.cost().skips
    _skipped(budget, clocks, 0.05, 6)
    assert not budget.cost().skips


def test_each_channel_has_its_own_turn() -> None:
    clocks = _Clocks()
    budget = Budget(0.25, clocks, _Memory())
    _skipped(budget, clocks, 0.4)
    first = [budget.skips(key, is_key=True) for key in ("a", "b")]
    second = [budget.skips(key, is_key=True) for key in ("a", "b")]
    assert (first, second) == ([False, False], [True, True])
    assert not budget.skips("a", is_key=False)


def test_the_cost_counts_from_the_start_of_the_child() -> None:
    clocks = _Clocks(wall=100, cpu=7)
    budget = Budget(0.25, clocks, _Memory())
    clocks.wall, clocks.cpu = 110.5, 8.25
    budget.pictures = 3
    cost = budget.cost()
    assert (cost.cpu_s, cost.wall_s, cost.pictures, cost.rss_bytes) == (1.25, 10.5, 3, 5)


def test_the_memory_of_this_process_is_measured() -> None:
    memory = own_memory()
    assert 10_000_000 < memory.used_bytes() < 10_000_000_000
    memory.close()
