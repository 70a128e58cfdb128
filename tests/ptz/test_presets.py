"""Presets of users among the slots and functions that a device lists."""

from __future__ import annotations

import pytest

from core.ptz import Preset
from ptz.presets import first_slot, made_by_users

pytestmark = pytest.mark.usefixtures("database_engine")

MADE_UP = (0.0, 0.0, 0.0)


def _slots(first: int, last: int, name: str = "Preset {}") -> list[Preset]:
    return [Preset(str(number), name.format(number), MADE_UP) for number in range(first, last + 1)]


@pytest.mark.parametrize("name", ["Preset {}", "preset{}", "{}", "Preset_{:03}", "预置点{}", "Position {}"])
def test_three_hundred_factory_slots_are_left_out(name: str) -> None:
    gate, turned = Preset("1", "Gate", (0.1, 0.2, 0.0)), Preset("5", "Preset 5", (0.4, 0.2, 0.0))
    listed = [gate, *_slots(2, 4, name), turned, *_slots(6, 300, name)]
    assert made_by_users(listed, ()) == (gate, turned)
    assert made_by_users(listed, ("17",))[-1].preset_token == "17"
    assert first_slot(listed, ()) == "2"


def test_functions_among_the_slots_are_left_out() -> None:
    functions = [
        Preset(str(number), name, None)
        for number, name in enumerate(
            ("Auto-flip", "Back to origin", "Call patrol 1", "Day mode", "Remote reboot", "One-touch patrol"), start=90
        )
    ]
    listed = [*_slots(1, 80), *functions, Preset("200", "Night gate", MADE_UP)]
    assert made_by_users(listed, ()) == (listed[-1],)
    assert first_slot([*functions, *_slots(1, 80)], ()) == "1"


def test_a_short_list_is_shown_as_it_is() -> None:
    listed = [*_slots(1, 8), Preset("9", "Day mode")]
    assert made_by_users(listed, ()) == tuple(listed)
    assert first_slot(listed, ()) is None


def test_slots_without_positions_are_told_by_their_names() -> None:
    listed = [Preset(str(number), f"Preset {number}") for number in range(1, 256)] + [Preset("300", "Gate")]
    assert made_by_users(listed, ()) == (Preset("300", "Gate"),)
