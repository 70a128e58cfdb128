"""The servers that notifications may go to."""

from __future__ import annotations

import pytest

from core.settings import Settings, SettingsError
from core.sink_addresses import SinkAddresses


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.0.0.5", "192.168.1.2", "fd12::1", "93.184.215.14"])
def test_loopback_private_and_public_servers_are_allowed(address: str) -> None:
    assert SinkAddresses().why_not("host", address, 8080) is None


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "169.254.1.1",
        "fe80::1",
        "fe80::1%eth0",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::",
        "100.100.100.200",
        "168.63.129.16",
        "fd00:ec2::254",
        "0.0.0.0",
        "::",
        "255.255.255.255",
        "224.0.0.1",
        "ff02::1",
    ],
)
def test_metadata_services_and_impossible_addresses_are_refused(address: str) -> None:
    assert SinkAddresses().why_not("host", address, 8080)
    assert SinkAddresses(address.partition("%")[0]).why_not("host", address, 8080)


def test_ports_of_mail_servers_are_for_mail_alone() -> None:
    for port in (25, 465, 587):
        assert SinkAddresses().why_not("host", "10.0.0.5", port, is_mail=True) is None
        assert SinkAddresses().why_not("host", "10.0.0.5", port)
    assert SinkAddresses().why_not("host", "10.0.0.5", 6379, is_mail=True)


@pytest.mark.parametrize(
    ("listed", "host", "address", "port", "is_allowed"),
    [
        ("mail.example", "mail.example", "10.0.0.5", 587, True),
        ("mail.example", "MAIL.example.", "10.0.0.5", 587, True),
        ("mail.example:587", "mail.example", "10.0.0.5", 465, False),
        ("mail.example", "other.example", "10.0.0.5", 587, False),
        ("10.0.0.0/8", "other.example", "10.0.0.5", 587, True),
        ("10.0.0.5", "10.0.0.5", "10.0.0.5", 587, True),
        ("10.0.0.5:25", "10.0.0.5", "10.0.0.5", 587, False),
        ("[fd12::1]:587", "[fd12::1]", "fd12::1", 587, True),
        ("fd12::/16", "x", "fd12::1", 587, True),
        ("a.example, 10.0.0.0/8:587", "b.example", "10.0.0.5", 587, True),
        ("a.example 10.1.0.0/16", "b.example", "10.0.0.5", 587, False),
    ],
)
def test_a_list_allows_its_servers_alone(listed: str, host: str, address: str, port: int, is_allowed: bool) -> None:
    assert (SinkAddresses(listed).why_not(host, address, port, is_mail=True) is None) is is_allowed


@pytest.mark.parametrize("listed", ["http://x", "a b:99999", "10.0.0.0/33", "-x", "300.1.1.1", "a:b:c", "x:0"])
def test_a_list_that_cannot_be_read_is_named_at_the_start(listed: str) -> None:
    with pytest.raises(SettingsError, match="NOTIFICATION_ADDRESSES"):
        Settings.from_environ({"NOTIFICATION_ADDRESSES": listed})
