"""Validation of the addresses and names that users type."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cameras.addresses import authority, check_name, parse_host
from core.errors import InvalidRequest


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("192.168.1.108", ("192.168.1.108", None)),
        (" 192.168.1.108:8000 ", ("192.168.1.108", 8000)),
        ("XVR.Home.Lan", ("xvr.home.lan", None)),
        ("xvr.home.lan.:80", ("xvr.home.lan", 80)),
        ("localhost", ("localhost", None)),
        ("cam_1", ("cam_1", None)),
        ("fd00::8", ("fd00::8", None)),
        ("[FD00:0::8]:8080", ("fd00::8", 8080)),
        ("::1", ("::1", None)),
        ("bücher.example", ("xn--bcher-kva.example", None)),
        ("1and1.example", ("1and1.example", None)),
    ],
)
def test_an_address_is_normalized(text: str, parsed: tuple[str, int | None]) -> None:
    assert parse_host(text) == parsed


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "http://192.168.1.108/",
        "192.168.1.108/onvif",
        "user@host",
        "user:pass@host",
        "0x7f000001",
        "2130706433",
        "127.1",
        "0177.0.0.1",
        "192.168.1.999",
        "1.2.3.4.5",
        "[::ffff:127.0.0.1]",
        "::ffff:127.0.0.1",
        "[127.0.0.1]",
        "[::1",
        "fe80::1%eth0",
        "0.0.0.0",
        "::",
        "239.255.255.250",
        "255.255.255.255",
        "host:0",
        "host:65536",
        "host:80a",
        "host:",
        "host:-1",
        "host:１",
        "-i",
        "a..b",
        ".",
        "a b",
        "a\nb",
        "a\x00b",
        "x" * 10_000,
        "a" * 64,
        "../../etc",
        "file:///etc/passwd",
        "<img src=x onerror=alert(1)>",
        "{{7*7}}",
        "\ud800",
        "host\u202e",
        "１２７.0.0.1",
    ],
)
def test_invalid_addresses_are_refused_with_the_field_named(text: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_host(text)
    assert refused.value.errors[0].field == "host"


@given(st.text())
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        host, port = parse_host(text)
    except InvalidRequest:
        return
    assert parse_host(authority(host, port)) == (host, port)
    assert host.isascii()
    assert host.isprintable()


@pytest.mark.parametrize("name", ["Küche", "Hof 2 – Süd", "", "<b>", "{{7*7}}", "前門"])
def test_a_name_may_be_any_visible_line(name: str) -> None:
    assert check_name(f"  {name} ") == name


@pytest.mark.parametrize("name", ["a\nb", "a\x00", "\u202eabc", "a\u200bb", "\ud800", "x" * 101])
def test_a_name_with_invisible_characters_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequest):
        check_name(name)
