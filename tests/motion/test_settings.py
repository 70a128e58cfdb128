"""The settings of channels: stored, checked with clear messages, gone with their camera."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from core.errors import InvalidRequest, NotFound
from database import Database
from motion.records import MotionMode, MotionSettings, Sensitivity, Zone
from motion.settings import DEFAULT, MotionSettingsStore
from tests.hand_clock import HandClock

SQUARE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0))
GATE = Zone(1, "Gate", "alert", SQUARE)


@pytest.fixture
def store(database: Database) -> MotionSettingsStore:
    made = MotionSettingsStore(database, HandClock())
    made.load()
    return made


def test_settings_survive_a_restart(store: MotionSettingsStore, database: Database) -> None:
    wanted = MotionSettings(MotionMode.AUTO, Sensitivity.LOW, (GATE, Zone(2, "Tree", "ignore", SQUARE)))
    store.set((1, 2), wanted)
    again = MotionSettingsStore(database, HandClock())
    again.load()
    assert again.get((1, 2)) == wanted
    assert again.get((1, 1)) == DEFAULT
    assert again.all() == {(1, 2): wanted}


def test_default_settings_need_no_row(store: MotionSettingsStore) -> None:
    store.set((1, 1), MotionSettings(MotionMode.AUTO))
    store.set((1, 1), DEFAULT)
    assert store.all() == {}
    store.set((1, 1), DEFAULT)


def test_the_settings_of_a_removed_camera_are_gone(store: MotionSettingsStore, database: Database) -> None:
    store.set((1, 1), MotionSettings(MotionMode.AUTO))
    with database.write() as session:
        session.execute(text("DELETE FROM cameras WHERE id = 1"))
    store.load()
    assert store.all() == {}
    with pytest.raises(NotFound):
        store.set((1, 1), MotionSettings(MotionMode.AUTO))


@pytest.mark.parametrize(
    ("zones", "field"),
    [
        ([GATE, GATE], "zones"),
        ([Zone(number, "Gate", "watch", SQUARE) for number in range(17)], "zones"),
        ([Zone(1, " ", "watch", SQUARE)], "zones.0.name"),
        ([Zone(1, "x" * 65, "watch", SQUARE)], "zones.0.name"),
        ([Zone(1, "a\nb", "watch", SQUARE)], "zones.0.name"),
        ([Zone(1, "Gate", "red", SQUARE)], "zones.0.kind"),
        ([GATE, Zone(2, "Gate", "watch", SQUARE[:2])], "zones.1.points"),
        ([Zone(1, "Gate", "watch", SQUARE * 11)], "zones.0.points"),
        ([Zone(1, "Gate", "watch", ((0.0, 0.0), (1.1, 0.0), (1.0, 1.0)))], "zones.0.points"),
        ([Zone(1, "Gate", "watch", ((0.0, 0.0), (0.5, 0.5), (1.0, 1.0)))], "zones.0.points"),
    ],
)
def test_an_invalid_zone_is_refused_by_name(store: MotionSettingsStore, zones: list[Zone], field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        store.set((1, 1), MotionSettings(MotionMode.AUTO, zones=tuple(zones)))
    assert [error.field for error in refused.value.errors] == [field]
    assert store.all() == {}


def test_settings_of_an_unknown_version_are_the_default(store: MotionSettingsStore, database: Database) -> None:
    store.set((1, 1), MotionSettings(MotionMode.AUTO, zones=(GATE,)))
    with database.write() as session:
        session.execute(text("UPDATE motion_channels SET mode = 'by_sound'"))
    store.load()
    assert store.get((1, 1)) == DEFAULT
