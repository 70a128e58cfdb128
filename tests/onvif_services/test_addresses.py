"""Addresses in a device's answers are rewritten to the configured host, or refused."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import CameraBadAnswer
from onvif_services.addresses import authority, rewrite_http, rewrite_rtsp


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("http://10.0.0.9/onvif/media", "http://cam:8000/onvif/media"),
        ("https://10.0.0.9:8443/onvif/media?x=1&y=2", "http://cam:8000/onvif/media?x=1&y=2"),
        ("http://user:pass@evil.example/onvif/media", "http://cam:8000/onvif/media"),
        ("http://[fe80::1]:80/onvif/media", "http://cam:8000/onvif/media"),
        ("http://10.0.0.9", "http://cam:8000/"),
        ("/onvif/media", "http://cam:8000/onvif/media"),
        (" http://0.0.0.0/a b ", "http://cam:8000/a%20b"),
        ("http://10.0.0.9/a%20b#frag", "http://cam:8000/a%20b"),
        ("\ufeffhttp://10.0.0.9/onvif/media\x00\n", "http://cam:8000/onvif/media"),
    ],
)
def test_http_addresses_are_rewritten_to_the_onvif_port(address: str, expected: str) -> None:
    assert rewrite_http(address, "cam", 8000) == expected


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.9/onvif/media",
        "10.0.0.9:8080/onvif/media",
        "//10.0.0.9/onvif/media",
        "onvif/media",
        "http:///onvif/media",
        "http://:80/onvif/media",
        "http:/onvif/media",
        "http:10.0.0.9/onvif/media",
        "http//10.0.0.9/onvif/media",
        "http://http://10.0.0.9/onvif/media",
        r"http:\\10.0.0.9\onvif\media",
        "http://10.0.0.9:80:80/onvif/media",
        "http://[fe80::1/onvif/media",
        "http://fe80::1:80/onvif/media",
        "http://[10.0.0.9]/onvif/media",
        "http://10.0.0.9:null/onvif/media",
        "http://admin:a/b#c@10.0.0.9/onvif/media",
        '"http://10.0.0.9/onvif/media"',
        "http%3A%2F%2F10.0.0.9%2Fonvif%2Fmedia",
        "http://10.0.0.9/onvif/media http://[fe80::1]/onvif/other",
        "http://10.0.0.9/onvif/media,http://[fe80::1]/onvif/other",
    ],
)
def test_a_service_address_is_repaired_because_the_host_is_known(address: str) -> None:
    assert rewrite_http(address, "cam", 8000) == "http://cam:8000/onvif/media"


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("rtsp://10.0.0.9:5544/live/1?a=b&c=d", "rtsp://cam:5544/live/1?a=b&c=d"),
        ("rtsp://10.0.0.9/live/1", "rtsp://cam:554/live/1"),
        ("RTSP://10.0.0.9/live/1", "rtsp://cam:554/live/1"),
        ("rtsps://10.0.0.9/live/1", "rtsps://cam:322/live/1"),
        ("rtsp://admin:geheim@10.0.0.9:554/live/1", "rtsp://cam:554/live/1"),
        ("rtsp://[::1]:8554/x", "rtsp://cam:8554/x"),
        ("rtsp://10.0.0.9/cam/realmonitor?channel=1&subtype=0&proto=Onvif", None),
        ("rtsp://10.0.0.9/tür", "rtsp://cam:554/t%C3%BCr"),
    ],
)
def test_stream_addresses_keep_port_path_and_query(address: str, expected: str | None) -> None:
    assert rewrite_rtsp(address, "cam") == (expected or address.replace("10.0.0.9", "cam:554"))


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("rtsp://rtsp://10.0.0.9:88/live/", "rtsp://cam:88/live/"),
        ("rtsp://::ffff:10.0.0.9:5544/live", "rtsp://cam:5544/live"),
        ("rtsp://fe80::1:8554/live", "rtsp://cam:8554/live"),
        ("rtsp://2001:db8::99/live", "rtsp://cam:554/live"),
        ("rtsp://2001:db8:1:2:3:4:5:6:8554/live", "rtsp://cam:8554/live"),
        ("rtsp://[fe80::1%eth0]:8554/live", "rtsp://cam:8554/live"),
        ("rtsp://[::1/live", "rtsp://cam:554/live"),
        ("rtsp://:5544/live", "rtsp://cam:5544/live"),
        ("rtsp://:/live", "rtsp://cam:554/live"),
        ("rtsp:///live", "rtsp://cam:554/live"),
        ("rtsp:/10.0.0.9:5544/live", "rtsp://cam:5544/live"),
        (r"rtsp:\\10.0.0.9:5544\live", "rtsp://cam:5544/live"),
        ("//10.0.0.9:5544/live", "rtsp://cam:5544/live"),
        ("10.0.0.9:5544/live", "rtsp://cam:5544/live"),
        ("/live", "rtsp://cam:554/live"),
        ("rtsp://10.0.0.9:0/live", "rtsp://cam:554/live"),
        ("rtsp://10.0.0.9:99999/live", "rtsp://cam:554/live"),
        ("rtsp://10.0.0.9:null/live", "rtsp://cam:554/live"),
        ("rtsp://admin:a/b@c@10.0.0.9:5544/live", "rtsp://cam:5544/live"),
        ("rtsp://10.0.0.9/live?channel=1&amp;subtype=0", "rtsp://cam:554/live?channel=1&subtype=0"),
        ('"rtsp://10.0.0.9/live"', "rtsp://cam:554/live"),
        ("rtspt://10.0.0.9/live", "rtsp://cam:554/live"),
        (r"rtsp://10.0.0.9:5544\live\1?a=b", "rtsp://cam:5544/live/1?a=b"),
        (r"rtsp://10.0.0.9\live", "rtsp://cam:554/live"),
        (r"rtsp:\/\/10.0.0.9:5544\/live\/1", "rtsp://cam:5544/live/1"),
        (r"rtsp://admin:a\b@10.0.0.9:5544\live", "rtsp://cam:5544/live"),
        (r"rtsp://home\admin:a@10.0.0.9:5544/live", "rtsp://cam:5544/live"),
        ("rtsp://10.0.0.9:5544%2Flive%2F1", "rtsp://cam:5544/live/1"),
        ("rtsp://10.0.0.9%2flive%3fa=b%26c=d", "rtsp://cam:554/live?a=b&c=d"),
        ("rtsp://10.0.0.9:5544%5Clive", "rtsp://cam:5544/live"),
        ("rtsp://admin:a%2Fb@10.0.0.9:5544/live", "rtsp://cam:5544/live"),
        ("rtsp%3A%2F%2F10.0.0.9%3A5544%2Flive%3Fa%3Db", "rtsp://cam:5544/live?a=b"),
        ("rtsp://10.0.0.9:5544/live%2F1", "rtsp://cam:5544/live%2F1"),
        ("rtsp://10.0.0.9:5544/live\x00", "rtsp://cam:5544/live"),
        ("\ufeffrtsp://10.0.0.9:5544/live\x00\x00\n", "rtsp://cam:5544/live"),
        ("\u200brtsp://10.0.0.9:5544/live\u200e\x7f", "rtsp://cam:5544/live"),
        ("rtsp://\ufeff10.0.0.9:5544/live", "rtsp://cam:5544/live"),
        ("rtsp:10.0.0.9:5544/live", "rtsp://cam:5544/live"),
        ("rtsp//10.0.0.9:5544/live", "rtsp://cam:5544/live"),
        ("rstp://10.0.0.9:5544/live", "rtsp://cam:5544/live"),
        ("live/main", "rtsp://cam:554/live/main"),
        ("rtsp://10.0.0.9: 5544 /live", "rtsp://cam:5544/live"),
        ("rtsp://10.0.0.9:5544/live rtsp://10.0.0.1/x", "rtsp://cam:5544/live"),
        ("rtsp://10.0.0.9:5544/live,\nrtsp://10.0.0.1/x", "rtsp://cam:5544/live"),
        ("rtsp://10.0.0.9:5544\n    /live", "rtsp://cam:5544/live"),
        ("rtsp://admin:p@ss:w/rd@10.0.0.9:5544/live", "rtsp://cam:5544/live"),
        ("&lt;rtsp://10.0.0.9:5544/live?a=1&amp;amp;b=2&gt;", "rtsp://cam:5544/live?a=1&b=2"),
        ("rtsp&#58;//10.0.0.9:5544/live?a=1&copy=2", "rtsp://cam:5544/live?a=1&copy=2"),
        ('"rtsp://10.0.0.9:5544/live";', "rtsp://cam:5544/live"),
    ],
)
def test_a_stream_address_is_repaired_because_the_host_is_known(address: str, expected: str) -> None:
    assert rewrite_rtsp(address, "cam") == expected


def test_the_address_of_a_tunnel_leads_to_the_web_servers_port() -> None:
    assert rewrite_rtsp("http://10.0.0.9/live", "cam", is_tunnel=True) == "rtsp://cam:80/live"
    assert rewrite_rtsp("https://10.0.0.9:8443/live", "cam", is_tunnel=True) == "rtsps://cam:8443/live"
    assert rewrite_rtsp("rtsp://10.0.0.9/live", "cam", is_tunnel=True) == "rtsp://cam:554/live"
    with pytest.raises(CameraBadAnswer):
        rewrite_rtsp("http://10.0.0.9/live", "cam")


HOSTILE = [
    "",
    "   ",
    "file:///etc/passwd",
    "concat:a|b",
    "ftp://10.0.0.9/",
    "javascript:alert(1)",
    "http://",
    "rtsp://",
    "rtsp://10.0.0.9:6379/x",
    "rtsp://10.0.0.9/a\r\nAuthorization: x",
    "rtsp://10.0.0.9/a\x00b",
    "rtsp://10.0.0.9/a\x7fb",
    "\x00\ufeff",
    "rtsp%3A%2F%2F10.0.0.9%2Fa%0D%0AAuthorization%3A x",
    "rtsp://10.0.0.9/" + "a" * 3000,
    "-i rtsp://10.0.0.9/x",
]


@pytest.mark.parametrize("address", HOSTILE)
def test_hostile_addresses_are_refused(address: str) -> None:
    with pytest.raises(CameraBadAnswer):
        rewrite_rtsp(address, "cam")


HOSTILE_SERVICES = [
    "http://10.0.0.9/a\nb",
    "gopher://10.0.0.9/",
    "soap.tcp://10.0.0.9/x",
    "rtsp://10.0.0.9/",
    "http://",
]


@pytest.mark.parametrize("address", HOSTILE_SERVICES)
def test_hostile_service_addresses_are_refused(address: str) -> None:
    with pytest.raises(CameraBadAnswer):
        rewrite_http(address, "cam", 80)


@pytest.mark.slow
@given(st.text(max_size=60), st.sampled_from(["", "rtsp://", "http://", "rtsp://h/", "http://h/", "rtsp://u@"]))
def test_any_address_of_a_device_gets_our_host(rest: str, start: str) -> None:
    for is_http in (True, False):
        try:
            address = rewrite_http(start + rest, "cam", 80) if is_http else rewrite_rtsp(start + rest, "cam")
        except CameraBadAnswer:
            continue
        parts = urlsplit(address)
        assert parts.hostname == "cam"
        assert parts.username is None
        assert address.isascii()
        assert address.isprintable()
        assert " " not in address


def test_ipv6_hosts_get_brackets() -> None:
    assert authority("::1", 80) == "[::1]:80"
    assert authority("[::1]", 80) == "[::1]:80"
    assert rewrite_rtsp("rtsp://10.0.0.9:554/x", "::1") == "rtsp://[::1]:554/x"
