"""Dates whose order is not clear: recorders that write the day or the month first, or two digits of the year."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from onvif_services.connection import DeviceConnection
from onvif_services.date_orders import DateOrder, find_order
from onvif_services.recording_search import find_events, list_recordings
from tests.onvif_services.connecting import Connect
from tests.onvif_services.recorder_answers import event, events, make_recorder, recording, recordings
from tests.onvif_services.soap_device import SoapDevice

NOW = datetime(2026, 11, 5, 12, tzinfo=UTC)
YEAR, DAY, MONTH = DateOrder.YEAR_FIRST, DateOrder.DAY_FIRST, DateOrder.MONTH_FIRST


@pytest.mark.parametrize(
    ("texts", "order"),
    [
        (["22/10/2026 10:00:00", "05/11/2026 10:00:00"], DAY),  # the 22nd is no month
        (["10/22/2026 10:00:00", "11/05/2026 10:00:00"], MONTH),
        (["05/11/2026 10:00:00"], DAY),  # today
        (["11/05/2026 10:00:00"], MONTH),
        (["11-05-2026T10:00:00Z"], MONTH),
        (["03/12/2026 10:00:00"], MONTH),  # 3 December has not come
        (["05/03/2026 10:00:00"], None),  # 5 March or 3 May
        (["26-11-05 10:00:00"], YEAR),
        (["26-10-22 10:00:00", "26-11-05 10:00:00"], YEAR),
        (["22/10/26 10:00:00", "05/11/26 10:00:00"], DAY),
        (["10.22.26 10:00:00", "11.05.26 10:00:00"], MONTH),
        (["12-11-10 10:00:00"], None),
        (["31/31/2026 10:00:00"], None),
    ],
)
def test_the_order_of_dates_follows_from_all_of_them(texts: list[str], order: DateOrder | None) -> None:
    assert find_order(texts, NOW) is order


def test_a_known_order_decides_where_the_dates_do_not() -> None:
    assert find_order(["05/03/2026 10:00:00"], NOW, DAY) is DAY
    assert find_order(["10/22/2026 10:00:00"], NOW, DAY) is MONTH, "22 is no month"


@pytest.fixture
def recorder(device: SoapDevice, connect: Connect) -> DeviceConnection:
    make_recorder(device)
    conn = connect()
    conn.open()
    return conn


def test_recordings_with_dates_of_another_order_are_listed(device: SoapDevice, recorder: DeviceConnection) -> None:
    device.answers["GetRecordingSearchResults"] = recordings(
        recording("R1", "03/02/2025 10:00:00", "05/02/2025 10:00:00"),
        recording("R2", "2024-03-22T10:00:00Z", "30/01/2025 10:00:00"),
    )
    found, _ = list_recordings(recorder)
    assert found[0].earliest == datetime(2025, 2, 3, 10, tzinfo=UTC)
    assert found[0].latest == datetime(2025, 2, 5, 10, tzinfo=UTC)
    assert found[0].tracks[0].data_from == found[0].earliest
    device.answers["GetEventSearchResults"] = events(event("04/02/2025 10:00:00"))
    day = datetime(2025, 2, 4, tzinfo=UTC)
    result = find_events(recorder, start=day, end=day.replace(hour=23))
    assert [item.time for item in result.events] == [day.replace(hour=10)], "as the list of recordings has shown"
