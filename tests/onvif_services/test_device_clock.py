"""The clock of a device: how it is measured, and what it does to logins."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from onvif_services.connection import DeviceConnection
from tests.onvif_services.connecting import Connect
from tests.onvif_services.soap_device import Request, SoapDevice, system_time


@contextmanager
def _offset_measured(conn: DeviceConnection, ahead_s: float) -> Iterator[None]:
    """Check that the block measures this offset. A device tells whole seconds, somewhere within the block's time."""
    began_s = time.monotonic()
    yield
    took_s = time.monotonic() - began_s
    assert conn.clock_offset is not None
    assert conn.clock_offset.offset_s == pytest.approx(ahead_s, abs=0.7 + took_s / 2)


@pytest.mark.parametrize("ahead_s", [-3 * 365 * 86400.0, -45.0, 0.0, 100_000.0])
def test_the_clock_is_read_without_a_login_and_dates_the_tokens(
    device: SoapDevice, connect: Connect, ahead_s: float
) -> None:
    device.clock_ahead_s = ahead_s
    conn = connect()
    with _offset_measured(conn, ahead_s):
        conn.open()
    assert not device.asked("GetSystemDateAndTime")[0].with_token
    assert device.failed_logins == 0


def test_a_clock_with_only_local_time_is_converted_by_its_zone(device: SoapDevice, connect: Connect) -> None:
    device.answers["GetSystemDateAndTime"] = lambda _: system_time(
        datetime.now(UTC) + timedelta(hours=8), element="LocalDateTime", zone="CST-8"
    )
    conn = connect()
    with _offset_measured(conn, 0.0):
        conn.open()


def test_a_clock_with_1970_as_utc_is_read_from_its_local_time(device: SoapDevice, connect: Connect) -> None:
    inside = re.compile("<tt:UTCDateTime>.*</tt:UTCDateTime>")
    epoch = inside.search(system_time(datetime(1970, 1, 1, tzinfo=UTC)))
    assert epoch is not None

    def told(_: Request) -> str:
        local = system_time(datetime.now(UTC) + timedelta(hours=8), element="LocalDateTime", zone="CST-8")
        return local.replace("<tt:LocalDateTime>", f"{epoch[0]}<tt:LocalDateTime>")

    device.answers["GetSystemDateAndTime"] = told
    conn = connect()
    with _offset_measured(conn, 0.0):
        conn.open()


def test_local_time_sent_as_utc_is_detected_with_the_second_login(device: SoapDevice, connect: Connect) -> None:
    device.clock_ahead_s = 5.5 * 3600
    device.token_clock_ahead_s = 0.0
    conn = connect()
    with _offset_measured(conn, 0.0):
        conn.open()
    assert device.failed_logins == 1
    conn.call("media", "GetProfiles")
    assert device.failed_logins == 1


def test_summer_time_is_followed_on_a_device_with_local_time_as_utc(device: SoapDevice, connect: Connect) -> None:
    device.clock_ahead_s = 3600.0
    device.token_clock_ahead_s = 0.0
    conn = connect()
    conn.open()
    device.clock_ahead_s = 7200.0
    conn.check()
    conn.call("media", "GetProfiles")
    assert device.failed_logins <= 2


def test_an_invalid_clock_does_not_prevent_opening(device: SoapDevice, connect: Connect) -> None:
    device.answers["GetSystemDateAndTime"] = system_time(datetime(2026, 1, 1, tzinfo=UTC)).replace(
        "<tt:Month>1</tt:Month>", "<tt:Month>13</tt:Month>"
    )
    conn = connect()
    conn.open()
    assert conn.clock_offset is None


def test_a_clock_behind_the_login_is_read_from_the_http_date(device: SoapDevice, connect: Connect) -> None:
    device.open_operations = set()
    conn = connect()
    with _offset_measured(conn, 0.0):
        conn.open()
    assert device.failed_logins == 0


def test_a_clock_that_jumped_is_measured_again_after_a_refusal(device: SoapDevice, connect: Connect) -> None:
    conn = connect()
    conn.open()
    device.clock_ahead_s = 7200.0 + 600
    with _offset_measured(conn, 7800.0):
        conn.call("media", "GetProfiles")
    assert device.failed_logins == 1


def test_a_check_needs_no_login_and_follows_the_clock(device: SoapDevice, connect: Connect) -> None:
    conn = connect()
    conn.open()
    logins = device.good_logins
    device.clock_ahead_s = 500.0
    with _offset_measured(conn, 500.0):
        conn.check()
    device.open_operations = set()
    conn.check()
    assert device.good_logins == logins
    assert device.failed_logins == 0
