"""The addresses that a track may have, in the order to try them (RFC 2326 appendix C.1.1)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import DeviceError
from media.rtsp.client.address import base_addresses, parse_address, session_addresses, track_addresses

HOST = "rtsp://10.0.0.9:8554"
ADDRESS = parse_address(f"{HOST}/live")


def guesses(control: str, session_control: str = "*", *, base: str = "", location: str = "") -> list[str]:
    bases = base_addresses(ADDRESS, session_control, {"content-base": base, "content-location": location})
    return [uri.removeprefix(HOST) for uri in track_addresses(ADDRESS, bases, control).values()]


def test_a_track_is_appended_to_content_base_at_the_connected_host() -> None:
    base = "rtsp://192.168.1.108:554/cam/realmonitor?channel=1&subtype=0/"
    assert guesses("trackID=0", base=base)[0] == "/cam/realmonitor?channel=1&subtype=0/trackID=0"
    assert guesses("*", base=base)[0] == "/cam/realmonitor?channel=1&subtype=0/"
    assert guesses("", base=base)[0] == "/cam/realmonitor?channel=1&subtype=0/"


@pytest.mark.parametrize(
    "base",
    [
        "rtsp://rtsp://10.0.0.9:8554/live/",
        "rtsp://10.0.0.9:0/live/",
        "rtsp:///live/",
        "/live/",
        "10.0.0.9:8554/live/",
        '"rtsp://10.0.0.9/live/"',
        "rtsp://admin:pw@10.0.0.9/live/",
        "rtsp://fe80::1:554/live/",
    ],
)
def test_an_odd_base_is_repaired(base: str) -> None:
    assert guesses("track1", base=base)[0] == "/live/track1"


@pytest.mark.parametrize("base", ["ftp://x/", "rtsp://10.0.0.9/a\x00b", "???", "rtsp://"])
def test_an_unusable_base_is_not_used(base: str) -> None:
    assert guesses("track1", base=base)[0] == "/live/track1"


def test_the_sessions_control_is_the_base_of_the_tracks() -> None:
    assert guesses("track1", "rtsp://192.168.1.10:554/media/stream0/")[:2] == ["/media/stream0/track1", "/live/track1"]
    assert "/live/stream0/track1" in guesses("track1", "stream0/")


def test_a_session_with_one_address_for_everything_is_set_up_there() -> None:
    assert guesses("", "track1")[:2] == ["/live/track1", "/live"]
    assert guesses("", "rtsp://192.168.1.10/media/1")[:2] == ["/media/1", "/live"]


def test_other_bases_and_joinings_follow() -> None:
    found = guesses("track1", base="rtsp://h/a/b", location="rtsp://h/c/d")
    assert found[:3] == ["/a/b/track1", "/c/d/track1", "/live/track1"]
    assert {"/a/track1", "/c/track1", "/track1"} <= set(found)
    assert {"/a/track1?x=1", "/a/track1"} <= set(guesses("track1", base="rtsp://h/a?x=1"))
    assert guesses("/live/track1", base="rtsp://h/live/")[:3] == ["/live/live/track1", "/live/track1"]
    assert guesses("?track=1", base="rtsp://h/live")[0] == "/live?track=1"


def test_an_absolute_address_keeps_the_connected_host() -> None:
    assert guesses("rtsp://evil:1/x/track1", base="rtsp://h/live/")[:2] == ["/x/track1", "/live/track1"]
    assert guesses("rtsp://rtsp://h/x/track1")[0] == "/x/track1"


def test_a_control_with_control_characters_is_refused() -> None:
    with pytest.raises(DeviceError):
        guesses("a\x00b")


def test_play_has_the_base_of_the_tracks_first() -> None:
    bases = base_addresses(ADDRESS, "*", {"content-base": "rtsp://h/a/", "content-location": "rtsp://h/b/"})
    assert list(session_addresses(bases, "content-location").values())[:2] == [f"{HOST}/b/", f"{HOST}/b"]
    assert next(iter(session_addresses(bases, "absolute").values())) == f"{HOST}/a/"


@pytest.mark.parametrize(
    ("uri", "sent"),
    [
        ("rtsps://10.0.0.1:7441/Ab?enableSrtp", "rtsps://10.0.0.1:7441/Ab"),
        ("rtsps://10.0.0.1:7441/Ab?enableSRTP=true&x=1", "rtsps://10.0.0.1:7441/Ab?x=1"),
        ("rtsp://10.0.0.1/Ab?x=1&enableSrtp", "rtsp://10.0.0.1/Ab?x=1"),
        ("rtsp://10.0.0.1/Ab?noenableSrtp", "rtsp://10.0.0.1/Ab?noenableSrtp"),
    ],
)
def test_encrypted_packets_are_not_requested(uri: str, sent: str) -> None:
    assert parse_address(uri).uri == sent


@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=40))
def test_every_guess_is_at_the_connected_host(control: str, session_control: str, base: str) -> None:
    try:
        found = guesses(control, session_control, base=base)
    except DeviceError:
        return
    assert 1 <= len(found) <= 8
    assert all(uri.startswith(("/", "?", "&", ";")) for uri in found)
