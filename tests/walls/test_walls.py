"""Named walls: owner, number, changes and unreadable rows; over SQLite."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from account_manager import AccountManager
from accounts.passwords import Passwords
from accounts.records import UserDraft, Visitor
from core.access import LOCAL, Principal, Role
from core.clock import SystemClock
from core.errors import AppError, Conflict, Forbidden, InvalidRequest, NotFound
from core.secrets import Secret
from core.settings import Settings
from database import Database
from tests.accounts.hashing import CHEAP
from tests.prepared_database import prepared_database
from walls.walls import LAYOUTS, MAX_WALLS, Tile, WallChange, WallDraft, WallManager, may_change

GOOD = Secret("correct-horse-battery")
GATES = WallDraft("Gates", 4, (Tile(1, 2, "main"), None, Tile(2, 16)))


@pytest.fixture
def database(tmp_path: Path, database_engine: str) -> Iterator[Database]:
    del database_engine  # it has chosen the engine
    made = prepared_database(tmp_path / "cameras.sqlite3")
    made.open()
    yield made
    made.close()


@pytest.fixture
def walls(database: Database) -> WallManager:
    return WallManager(database)


@pytest.fixture
def accounts(database: Database, tmp_path: Path) -> Iterator[AccountManager]:
    settings = Settings(data_dir=tmp_path, streams_dir=tmp_path / "streams")
    manager = AccountManager(database, settings, SystemClock(), passwords=Passwords(CHEAP))
    manager.start()
    yield manager
    manager.stop()


@pytest.fixture
def anna(accounts: AccountManager) -> Principal:
    """The principal of an admin."""
    accounts.create_first("Anna", GOOD)
    return accounts.log_in("Anna", GOOD, Visitor("127.0.0.1"))[1]


@pytest.fixture
def ben(accounts: AccountManager, anna: Principal) -> Principal:
    accounts.add_user(UserDraft("Ben", GOOD, Role.VIEWER))
    return accounts.log_in("Ben", GOOD, Visitor("127.0.0.1"))[1]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_wall_is_read_back_with_its_empty_places(walls: WallManager, layout: int) -> None:
    kept = walls.add(LOCAL, WallDraft("Gates", layout, (Tile(7, 3),)))
    assert walls.get(LOCAL, kept.id) == kept
    assert (kept.name, kept.layout, kept.tiles) == ("Gates", layout, (Tile(7, 3),) + (None,) * (layout - 1))


def test_a_change_keeps_the_fields_it_does_not_name(walls: WallManager) -> None:
    kept = walls.add(LOCAL, GATES)
    renamed = walls.change(LOCAL, kept.id, WallChange(name="Doors"))
    assert (renamed.name, renamed.layout, renamed.tiles) == ("Doors", 4, kept.tiles)
    grown = walls.change(LOCAL, kept.id, WallChange(layout=9))
    assert (grown.name, grown.layout, grown.tiles[:4], len(grown.tiles)) == ("Doors", 9, kept.tiles, 9)
    assert walls.walls(LOCAL) == [grown]


def test_a_layout_holds_no_more_tiles_than_it_has_places(walls: WallManager) -> None:
    with pytest.raises(InvalidRequest) as refused:
        walls.add(LOCAL, WallDraft("Gates", 1, (Tile(1, 1), Tile(1, 2))))
    assert refused.value.errors[0].field == "tiles"
    with pytest.raises(InvalidRequest) as refused:
        walls.add(LOCAL, WallDraft("Gates", 5))
    assert refused.value.errors[0].field == "layout"
    kept = walls.add(LOCAL, GATES)
    with pytest.raises(InvalidRequest):
        walls.change(LOCAL, kept.id, WallChange(layout=1))
    assert walls.get(LOCAL, kept.id) == kept
    walls.change(LOCAL, kept.id, WallChange(tiles=(Tile(1, 2),)))
    # A smaller layout is accepted if it drops only empty places.
    assert walls.change(LOCAL, kept.id, WallChange(layout=1)).tiles == (Tile(1, 2),)


def test_the_wall_of_another_user_is_not_found(walls: WallManager, anna: Principal, ben: Principal) -> None:
    kept = walls.add(anna, GATES)
    assert walls.walls(ben) == []
    for ask in (
        lambda: walls.get(ben, kept.id),
        lambda: walls.change(ben, kept.id, WallChange(name="Mine")),
        lambda: walls.remove(ben, kept.id),
    ):
        with pytest.raises(NotFound):
            ask()
    assert walls.walls(anna) == [kept]
    own = walls.add(ben, GATES)  # names are unique per user
    with pytest.raises(NotFound):
        walls.get(anna, own.id)  # an admin may not read it either


def test_a_wall_from_before_the_accounts_is_changed_by_admins_only(
    walls: WallManager, accounts: AccountManager
) -> None:
    kept = walls.add(LOCAL, GATES)
    accounts.create_first("Anna", GOOD)
    accounts.add_user(UserDraft("Ben", GOOD, Role.OPERATOR))
    anna, ben = (accounts.log_in(name, GOOD, Visitor("127.0.0.1"))[1] for name in ("Anna", "Ben"))
    assert walls.walls(ben) == walls.walls(anna) == [kept]
    assert may_change(anna, kept)
    assert not may_change(ben, kept)
    with pytest.raises(Forbidden):
        walls.change(ben, kept.id, WallChange(name="Mine"))
    with pytest.raises(Forbidden):
        walls.remove(ben, kept.id)
    assert walls.change(anna, kept.id, WallChange(name="Doors")).user_id is None
    walls.remove(anna, kept.id)
    assert walls.walls(ben) == []


def test_walls_are_deleted_with_their_user(
    walls: WallManager, accounts: AccountManager, anna: Principal, ben: Principal
) -> None:
    kept = walls.add(ben, GATES)
    others = walls.add(anna, GATES)
    assert ben.user_id is not None
    accounts.remove_user(ben.user_id)
    with pytest.raises(NotFound):
        walls.get(ben, kept.id)
    assert walls.walls(anna) == [others]


def test_wall_names_are_unique_per_user(walls: WallManager) -> None:
    kept = walls.add(LOCAL, GATES)
    with pytest.raises(Conflict) as refused:
        walls.add(LOCAL, GATES)
    assert refused.value.code == "wall_name_taken"
    other = walls.add(LOCAL, WallDraft("Doors", 4))
    with pytest.raises(Conflict):
        walls.change(LOCAL, other.id, WallChange(name="Gates"))
    walls.change(LOCAL, kept.id, WallChange(name="Gates"))  # a wall may keep its name


def test_concurrent_requests_do_not_exceed_fifty_walls(walls: WallManager, anna: Principal) -> None:
    for number in range(MAX_WALLS - 1):
        walls.add(LOCAL, WallDraft(f"Wall {number}", 1))
    outcomes: list[str] = []

    def make(name: str) -> None:
        try:
            outcomes.append(walls.add(LOCAL, WallDraft(name, 1)).name)
        except AppError as error:
            outcomes.append(error.code)

    threads = [threading.Thread(target=make, args=(f"Another {number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count("too_many_walls") == 3
    assert len(walls.walls(LOCAL)) == MAX_WALLS
    walls.add(anna, GATES)  # the limit holds per user


def test_walls_are_sorted_by_name(walls: WallManager) -> None:
    for name in ("gates", "Doors", "Yard"):
        walls.add(LOCAL, WallDraft(name, 1))
    assert [wall.name for wall in walls.walls(LOCAL)] == ["Doors", "gates", "Yard"]


def test_a_row_without_qualities_is_read(walls: WallManager, database: Database) -> None:
    kept = walls.add(LOCAL, GATES)
    with database.write() as session:
        session.execute(text("UPDATE walls SET tiles = :tiles"), {"tiles": "[[1, 2], null, [2, 16]]"})
    assert walls.get(LOCAL, kept.id).tiles == (Tile(1, 2), None, Tile(2, 16), None)


def test_an_unreadable_row_becomes_a_wall_with_empty_places(walls: WallManager, database: Database) -> None:
    kept = walls.add(LOCAL, GATES)
    for content in ("nonsense", "{}", '[[1], "x", [1, 2, 3], [1, 2, "4k"], {"camera_id": 1}]', '[[1, "2"]]'):
        with database.write() as session:
            session.execute(text("UPDATE walls SET tiles = :tiles"), {"tiles": content})
        assert walls.get(LOCAL, kept.id).tiles == (None,) * 4
