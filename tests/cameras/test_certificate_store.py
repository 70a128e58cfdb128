"""The pins of two processes with one database."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from cameras.certificates import CertificateStore
from core.certificates import PinnedCertificate, PinnedCertificates
from core.clock import SystemClock
from core.errors import CertificateChanged
from database import Database
from tests.prepared_database import prepared_database

HOST = "10.0.0.1"
FIRST, SECOND = (hashlib.sha256(der).hexdigest() for der in (b"first", b"second"))


class Process:
    """The pins of one process, which are stored by `store.save` only."""

    def __init__(self, database: Database) -> None:
        self.pins = PinnedCertificates(SystemClock())
        self.store = CertificateStore(database, PinnedCertificates(SystemClock()))
        self.store._certificates = self.pins
        self.store.open()

    def known(self) -> dict[int, str]:
        return {pin.port: pin.sha256 for pin in self.pins.of_host(HOST)}

    def pin(self, port: int, der: bytes) -> None:
        self.pins.check(HOST, port, der)
        self.store.save(HOST)


@pytest.fixture
def database(tmp_path: Path, database_engine: str) -> Iterator[Database]:
    del database_engine  # it has chosen the engine
    made = prepared_database(tmp_path / "cameras.sqlite3")
    made.open()
    yield made
    made.close()


@pytest.fixture
def one(database: Database) -> Process:
    return Process(database)


@pytest.fixture
def two(database: Database) -> Process:
    return Process(database)


def test_a_pin_that_another_process_has_deleted_is_forgotten(one: Process, two: Process) -> None:
    one.pin(443, b"first")
    two.store.read_host(HOST)
    assert two.known() == {443: FIRST}
    one.pins.forget(HOST, [443])
    one.store.save(HOST)
    two.store.read_host(HOST)
    assert two.known() == {}


def test_a_pin_that_is_not_stored_yet_stays(one: Process, two: Process) -> None:
    one.pin(443, b"first")
    two.pins.check(HOST, 8443, b"second")
    two.store.read_again()
    assert two.known() == {443: FIRST, 8443: SECOND}
    two.pins.forget(HOST, [443])
    two.store.read_again()
    assert two.known() == {8443: SECOND}, "the deletion is not stored yet"


def test_storing_a_pin_brings_no_deleted_one_back(one: Process, two: Process) -> None:
    one.pin(443, b"first")
    two.store.read_again()
    one.pins.forget(HOST, [443])
    one.store.save(HOST)
    two.pin(8443, b"second")
    assert two.known() == {8443: SECOND}
    one.store.read_again()
    assert one.known() == {8443: SECOND}


def test_an_accepted_certificate_holds_in_all_processes(one: Process, two: Process) -> None:
    one.pin(443, b"first")
    two.store.read_again()
    with pytest.raises(CertificateChanged):
        one.pins.check(HOST, 443, b"second")
    one.pins.accept(HOST, [443], SECOND)
    one.store.read_again()
    assert one.known() == {443: SECOND}, "the accepted one is not stored yet"
    one.store.save(HOST)
    two.pin(8443, b"first")
    assert two.known() == {443: SECOND, 8443: FIRST}
    two.pins.check(HOST, 443, b"second")


def test_the_first_process_that_stores_a_pin_wins(one: Process, two: Process) -> None:
    one.pin(443, b"first")
    two.pin(443, b"second")
    assert two.known() == {443: FIRST}
    with pytest.raises(CertificateChanged):
        two.pins.check(HOST, 443, b"second")


def test_a_failed_save_is_made_up_for_by_the_next_one(one: Process, two: Process, database: Database) -> None:
    one.pin(443, b"first")
    database.close()
    one.pins.forget(HOST, [443])
    one.store.save(HOST)
    database.open()
    one.pin(8443, b"second")
    two.store.read_again()
    assert two.known() == {8443: SECOND}


def test_pins_of_other_hosts_stay(one: Process, two: Process) -> None:
    one.pins.load([PinnedCertificate("10.0.0.2", 443, FIRST, SystemClock().now_utc())])
    one.store.save("10.0.0.2")
    one.pin(443, b"first")
    two.store.read_again()
    two.store.read_host(HOST)
    assert [pin.sha256 for pin in two.pins.of_host("10.0.0.2")] == [FIRST]
