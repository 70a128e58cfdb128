"""Addresses of cameras without ONVIF: the login is taken out, and odd addresses are refused by field."""

from __future__ import annotations

import pytest

from cameras.stream_uris import place_of, read_stream_uris, with_password
from core.errors import InvalidRequest
from core.records import StreamUris
from core.secrets import Secret

GOOD = [
    ("rtsp://10.0.0.5/cam", "rtsp://10.0.0.5/cam", 554, None, None),
    ("  RTSP://10.0.0.5:8554/cam?x=1&y=2  ", "rtsp://10.0.0.5:8554/cam?x=1&y=2", 8554, None, None),
    ("rtsps://nvr.local:7441/AbC?enableSrtp", "rtsps://nvr.local:7441/AbC?enableSrtp", 7441, None, None),
    ("rtsps://nvr.local/AbC", "rtsps://nvr.local/AbC", 322, None, None),
    ("rtsp://[fd00::8]:554/a", "rtsp://[fd00::8]:554/a", 554, None, None),
    ("rtsp://10.0.0.5", "rtsp://10.0.0.5", 554, None, None),
    ("rtsp://10.0.0.5/a b/ü#part", "rtsp://10.0.0.5/a%20b/%C3%BC", 554, None, None),
    ("rtsp://admin:geheim@10.0.0.5/cam", "rtsp://10.0.0.5/cam", 554, "admin", "geheim"),
    ("rtsp://admin:p%40ss%3A@10.0.0.5/cam", "rtsp://10.0.0.5/cam", 554, "admin", "p@ss:"),
    ("rtsp://admin:p@ss@10.0.0.5/cam", "rtsp://10.0.0.5/cam", 554, "admin", "p@ss"),
    ("rtsp://admin:p/a#s?s@10.0.0.5:554/cam", "rtsp://10.0.0.5:554/cam", 554, "admin", "p/a#s?s"),
    ("rtsp://admin@10.0.0.5/cam", "rtsp://10.0.0.5/cam", 554, "admin", None),
    ("rtsp://:geheim@10.0.0.5/cam", "rtsp://10.0.0.5/cam", 554, "", "geheim"),
    ("rtsp://10.0.0.5/mail@home", "rtsp://10.0.0.5/mail@home", 554, None, None),
    (
        "rtsp://10.0.0.5/user=admin_password=tlJwpbo6_channel=1_stream=0.sdp?real_stream",
        "rtsp://10.0.0.5/user=admin_password={password}_channel=1_stream=0.sdp?real_stream",
        *(554, None, "tlJwpbo6"),
    ),
    ("rtsp://10.0.0.5/a?user=x&pwd=a%20b&c=1", "rtsp://10.0.0.5/a?user=x&pwd={password}&c=1", 554, None, "a b"),
    ("rtsp://10.0.0.5/a?user=x&password=", "rtsp://10.0.0.5/a?user=x&password=", 554, None, None),
    ("rtsp://10.0.0.5/user=a_password=_channel=1", "rtsp://10.0.0.5/user=a_password=_channel=1", 554, None, None),
    ("rtsp://10.0.0.5/a?password={password}", "rtsp://10.0.0.5/a?password={password}", 554, None, None),
]


@pytest.mark.parametrize(("text", "shown", "port", "username", "password"), GOOD)
def test_an_address_is_kept_without_its_login(
    text: str, shown: str, port: int, username: str | None, password: str | None
) -> None:
    read = read_stream_uris(StreamUris(text), username=None, password=None)
    assert read.uris == StreamUris(shown)
    assert (read.port, read.username) == (port, username)
    assert (read.password.reveal() if read.password is not None else None) == password
    assert place_of(shown) == (read.host, port)
    again = read_stream_uris(read.uris, username=read.username, password=read.password)
    assert again.uris == read.uris  # an edit sends the shown address back
    if password:
        assert password not in shown


def test_the_password_goes_back_into_the_address_for_the_device() -> None:
    shown = "rtsp://10.0.0.5/user=admin_password={password}_channel=1"
    assert with_password(shown, Secret("a/b c")) == "rtsp://10.0.0.5/user=admin_password=a%2Fb%20c_channel=1"


@pytest.mark.parametrize(
    "text",
    [
        *("", "10.0.0.5", "http://10.0.0.5/cam", "rtsp:/10.0.0.5", "rtsp://", "rtsp:///cam", "rtsp://10.0.0.5:0/a"),
        *("rtsp://10.0.0.5:70000/a", "rtsp://10.0.0.5:22/a", "rtsp://169.254.169.254/a", "rtsp://224.0.0.1/a"),
        *("rtsp://127.1/a", "rtsp://a b/c", "rtsp://10.0.0.5/a\nb", "rtsp://x:y\x00z@10.0.0.5/a"),
        "rtsp://10.0.0.5/" + "x" * 1100,
    ],
)
def test_an_address_that_no_camera_may_have_is_refused_by_field(text: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read_stream_uris(StreamUris(text), username=None, password=None)
    assert [error.field for error in refused.value.errors] == ["stream_uris.main"]
    with pytest.raises(InvalidRequest) as refused:
        read_stream_uris(StreamUris("rtsp://10.0.0.5/a", text or "x"), username=None, password=None)
    assert [error.field for error in refused.value.errors] == ["stream_uris.sub"]


@pytest.mark.parametrize(
    ("main", "sub", "username", "password"),
    [
        ("rtsp://10.0.0.5/a", "rtsp://10.0.0.6/b", None, None),
        ("rtsp://a:b@10.0.0.5/a", "rtsp://c:b@10.0.0.5/b", None, None),
        ("rtsp://a:b@10.0.0.5/a", "rtsp://a:c@10.0.0.5/b", None, None),
        ("rtsp://10.0.0.5/a", "rtsp://10.0.0.5/b?pwd=other", "a", "b"),
    ],
)
def test_both_streams_have_one_host_and_one_login(
    main: str, sub: str, username: str | None, password: str | None
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read_stream_uris(StreamUris(main, sub), username=username, password=Secret(password) if password else None)
    assert [error.field for error in refused.value.errors] == ["stream_uris.sub"]
    assert "other" not in refused.value.detail.replace("the other one", "")
