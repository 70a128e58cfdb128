"""Time zones by IANA names and by the POSIX texts of devices."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from core.zones import changes_between, has_changes, is_repeated, is_zone, zone_offset_s

YEAR = (datetime(2026, 1, 1, tzinfo=UTC).timestamp(), datetime(2027, 1, 1, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("Europe/Berlin", ["2026-03-29T01:00 3600 7200", "2026-10-25T01:00 7200 3600"]),
        ("CET-1CEST,M3.5.0,M10.5.0/3", ["2026-03-29T01:00 3600 7200", "2026-10-25T01:00 7200 3600"]),
        ("CET-1:00:00CEST,M3.5.0/2,M10.5.0/3", ["2026-03-29T01:00 3600 7200", "2026-10-25T01:00 7200 3600"]),
        ("EST5EDT,M3.2.0,M11.1.0", ["2026-03-08T07:00 -18000 -14400", "2026-11-01T06:00 -14400 -18000"]),
        ("AEST-10AEDT,M10.1.0,M4.1.0/3", ["2026-04-04T16:00 39600 36000", "2026-10-03T16:00 36000 39600"]),
        ("<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", ["2026-04-04T15:00 39600 37800", "2026-10-03T15:30 37800 39600"]),
        ("EST5EDT", ["2026-03-08T07:00 -18000 -14400", "2026-11-01T06:00 -14400 -18000"]),
        ("CST-8", []),
        ("Asia/Shanghai", []),
    ],
)
def test_the_changes_of_a_zone_are_known_to_the_second(name: str, changes: list[str]) -> None:
    found = [
        f"{datetime.fromtimestamp(one.at_s, UTC):%Y-%m-%dT%H:%M} {one.before_s} {one.after_s}"
        for one in changes_between(name, *YEAR)
    ]
    assert found == changes
    for one in changes_between(name, *YEAR):
        assert (zone_offset_s(name, one.at_s - 1), zone_offset_s(name, one.at_s)) == (one.before_s, one.after_s)


@pytest.mark.parametrize(
    "name",
    [
        *("", "CET-1CEST", "Europe", "Europe/Nowhere", "../etc/passwd", "/etc/localtime", "CET-1CEST,M99.9.9,M1.1.1"),
        *("A" * 101, "Zürich", "CET-1\nX", "\0", "posixrules/../../x"),
    ],
)
def test_an_unreadable_name_is_no_zone(name: str) -> None:
    assert not is_zone(name)
    assert zone_offset_s(name, YEAR[0]) == 0
    assert changes_between(name, *YEAR) == []
    assert not has_changes(name)


def test_only_the_hours_around_the_end_of_summer_time_are_repeated() -> None:
    october, march = (one.at_s for one in reversed(changes_between("Europe/Berlin", *YEAR)))
    assert [is_repeated("Europe/Berlin", october + at_s) for at_s in (-3601, -3600, 0, 3599, 3600)] == [
        False,
        True,
        True,
        True,
        False,
    ]
    assert not any(is_repeated("Europe/Berlin", march + at_s) for at_s in (-3600, -1, 0, 3599))


def test_zones_with_and_without_summer_time_are_told_apart() -> None:
    assert [has_changes(name) for name in ("Europe/Berlin", "EST5EDT,M3.2.0,M11.1.0", "CST-8", "UTC")] == [
        True,
        True,
        False,
        False,
    ]
