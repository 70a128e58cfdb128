"""Opening of devices that answer only a part of the requests, and of weak web servers."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

import pytest

from core.errors import CameraAuthFailed, CameraUnreachable, DeviceError
from onvif_services import media
from onvif_services.connection import DeviceConnection
from onvif_services.faults import NoAnswer
from onvif_services.measured_clock import MeasuredClock
from onvif_services.media import read_channels
from tests.onvif_services.connecting import Connect
from tests.onvif_services.silence import Silence
from tests.onvif_services.soap_device import CUT, HANG, Reply, Request, SoapDevice, fault, profile, profile2, soap
from tests.patience import LIMIT_S, promised

CAPABILITIES = (
    "<tds:GetCapabilitiesResponse><tds:Capabilities>"
    "<tt:Media><tt:XAddr>http://192.168.1.2/onvif/media_service</tt:XAddr></tt:Media>"
    "</tds:Capabilities></tds:GetCapabilitiesResponse>"
)
OPTIONAL = ("GetSystemDateAndTime", "GetServices", "GetDeviceInformation", "GetVideoSources")
NOT_AUTHORIZED = fault("ter:NotAuthorized", "Sender not authorized")
TROUBLE = {
    "hangs": HANG,
    "cuts": CUT,
    "500": Reply(b"", 500),
    "404": Reply(b"<html>404</html>", 404),
    "HTML": Reply(b"<html>Please log in</html>"),
    "fault": fault("ter:InvalidArgVal", "x"),
    "not implemented": fault("ter:ActionNotSupported", "Optional Action Not Implemented"),
    "refused": NOT_AUTHORIZED,
    "503": Reply(b"", 503),
}


def _outcomes(conn: DeviceConnection) -> dict[str, str]:
    return {check.name: check.outcome for check in conn.checks}


@pytest.mark.parametrize("trouble", TROUBLE.values(), ids=TROUBLE.keys())
@pytest.mark.parametrize("operation", OPTIONAL)
def test_an_optional_request_may_fail_in_any_way(
    device: SoapDevice, connect: Connect, silence: Silence, operation: str, trouble: Reply
) -> None:
    device.answers["GetCapabilities"] = CAPABILITIES
    device.answers[operation] = trouble
    if trouble is HANG:
        silence(operation)
    conn = connect()
    with promised(4):
        conn.open()
        (channel,) = read_channels(conn)
    assert [item.profile_token for item in channel.profiles] == ["MediaProfile00000", "MediaProfile00001"]
    assert channel.problem is None
    conn.check()
    assert device.failed_logins <= 2


def test_skipped_requests_are_on_the_health_card(device: SoapDevice, connect: Connect) -> None:
    device.answers |= {"GetCapabilities": CAPABILITIES, "GetServices": CUT, "GetDeviceInformation": Reply(b"", 500)}
    conn = connect()
    conn.open()
    outcomes = _outcomes(conn)
    assert (outcomes["GetServices"], outcomes["GetDeviceInformation"]) == ("skipped", "skipped")
    detail = next(check.detail for check in conn.checks if check.name == "GetServices")
    assert detail == "The device answers other requests, but closed the connection before it had answered GetServices."


def test_a_media_service_that_is_not_listed_is_at_a_usual_place(
    device: SoapDevice, connect: Connect, silence: Silence
) -> None:
    silence("GetServices")
    device.answers["GetCapabilities"] = CUT
    conn = connect()
    conn.open()
    assert len(read_channels(conn)) == 1
    assert _outcomes(conn)["media service"] == "guessed"


def test_a_needed_request_that_hangs_is_named(connect: Connect, silence: Silence) -> None:
    silence("GetProfiles")
    with pytest.raises(CameraUnreachable) as caught:
        connect().open()
    assert caught.value.code == "camera_no_answer"
    assert "GetProfiles" in caught.value.detail


@pytest.mark.slow
def test_a_device_that_answers_nothing_is_unreachable(device: SoapDevice, connect: Connect) -> None:
    device.login = "none"
    for operation in [*device.answers, "GetCapabilities"]:
        device.answers[operation] = HANG
    with promised(3), pytest.raises(CameraUnreachable) as caught:
        connect(timeout_s=0.8).open()
    assert caught.value.code == "camera_unreachable"


def test_an_account_without_device_information_is_no_wrong_password(device: SoapDevice, connect: Connect) -> None:
    device.answers["GetDeviceInformation"] = NOT_AUTHORIZED
    conn = connect()
    conn.open()
    assert len(read_channels(conn)) == 1
    assert _outcomes(conn)["GetDeviceInformation"] == "skipped"


def test_a_wrong_password_shows_even_if_profiles_need_none(device: SoapDevice, connect: Connect) -> None:
    device.open_operations |= {"GetProfiles"}
    for _ in range(4):
        with pytest.raises(CameraAuthFailed):
            connect(password="wrong").open()
    assert device.failed_logins <= 2


def test_parsing_the_wsdl_does_not_count_as_travel_time(
    device: SoapDevice, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    from onvif_services import wsdl  # noqa: PLC0415 # the cache of this module is replaced

    parsed_s: list[float] = []
    measured_s: list[float] = []
    parse, keep = wsdl._parse, MeasuredClock.keep

    def parse_and_note(reader: Any) -> Any:
        document = parse(reader)
        parsed_s.append(time.monotonic())
        return document

    def keep_and_note(clock: MeasuredClock, device_utc: datetime | None, middle_s: float | None = None) -> bool:
        measured_s.append(middle_s or 0.0)
        return keep(clock, device_utc, middle_s)

    monkeypatch.setattr(wsdl, "_shared", wsdl._Shared())
    monkeypatch.setattr(wsdl, "_parse", parse_and_note)
    monkeypatch.setattr(MeasuredClock, "keep", keep_and_note)
    conn = connect()
    conn.measure_clock()
    (parsed_at_s,), (middle_s,) = parsed_s, measured_s
    assert middle_s >= parsed_at_s, "the middle between the request, which follows the parsing, and its answer"


# -- kinds of login that the device cannot read -------------------------------------------------


@pytest.mark.parametrize("answer", [fault("s:MustUnderstand", "Security header"), Reply(b"", 400), Reply(b"", 500)])
def test_a_device_that_cannot_read_a_token_gets_none(device: SoapDevice, connect: Connect, answer: Reply) -> None:
    device.login = "none"
    for operation in ("GetProfiles", "GetStreamUri"):
        right = device.answers[operation]

        def answered(request: Request, right: Any = right) -> str | Reply:
            if request.with_token:
                return answer
            found = right(request) if callable(right) else right
            assert isinstance(found, str | Reply)
            return found

        device.answers[operation] = answered
    conn = connect()
    conn.open()
    assert [channel.problem for channel in read_channels(conn)] == [None]
    assert _outcomes(conn)["kind of login"] == "guessed"
    assert device.failed_logins == 0


def test_a_device_that_cannot_read_two_logins_gets_digest_alone(device: SoapDevice, connect: Connect) -> None:
    device.login = "digest"
    right = device.answers["GetProfiles"]
    assert isinstance(right, str)
    device.answers["GetProfiles"] = lambda request: Reply(b"", 400) if request.with_token else soap(right)
    conn = connect()
    conn.open()
    assert len(read_channels(conn)) == 1
    assert conn.login.kinds["media"] == "HTTP Digest"
    assert device.failed_logins == 0


@pytest.mark.usefixtures("short_pauses")
@pytest.mark.parametrize("trouble", [CUT, Reply(b"", 500)], ids=["cut", "500"])
def test_media2_proves_the_login_if_media_gives_no_profiles(
    device: SoapDevice, connect: Connect, trouble: Reply
) -> None:
    device.login = "none"
    device.services["media2"] = "http://www.onvif.org/ver20/media/wsdl"
    listed = f"<tr2:GetProfilesResponse>{profile2('P1', 'S1', 640, 360)}</tr2:GetProfilesResponse>"
    device.answers["GetProfiles"] = lambda request: listed if "ver20" in request.text else trouble
    device.answers["GetStreamUri"] = (
        "<tr2:GetStreamUriResponse><tr2:Uri>rtsp://10.0.0.1/1</tr2:Uri></tr2:GetStreamUriResponse>"
    )
    conn = connect()
    conn.open()
    assert [channel.problem for channel in read_channels(conn)] == [None]


# -- weak web servers --------------------------------------------------------------------------


def _eight_channels(device: SoapDevice) -> None:
    listed = "".join(profile(f"P{number}", f"S{number}", 640, 360) for number in range(8))
    device.answers["GetProfiles"] = f"<trt:GetProfilesResponse>{listed}</trt:GetProfilesResponse>"


@pytest.mark.usefixtures("short_pauses")
@pytest.mark.parametrize("refusal", [CUT, Reply(b"", 503), Reply(b"<html>busy</html>", 429)], ids=["cut", "503", "429"])
def test_a_weak_web_server_gets_one_request_at_a_time(device: SoapDevice, connect: Connect, refusal: Reply) -> None:
    device.cuts_at_once_over, device.refusal_at_once = 1, refusal
    _eight_channels(device)
    answer = device.answers["GetStreamUri"]
    assert callable(answer)

    def answer_after_a_cut(request: Request) -> str | Reply:
        assert device.has_cut.wait(LIMIT_S)  # two requests at a time are certain
        return answer(request)

    device.answers["GetStreamUri"] = answer_after_a_cut
    conn = connect()
    conn.open()
    channels = read_channels(conn)
    assert [channel.problem for channel in channels] == [None] * 8
    assert _outcomes(conn)["web server"] == "guessed"


def test_streams_without_answer_are_asked_for_again_one_by_one(
    device: SoapDevice, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A web server that leaves the second connection without an answer must not lose channels."""
    ask = media.stream_uri

    def silent_beside_others(conn: DeviceConnection, token: str, service: str) -> str:
        if not conn.gets_one_at_a_time:
            conn._repeated._serialize()
            raise NoAnswer("The device did not answer in time.")
        return ask(conn, token, service)

    monkeypatch.setattr(media, "stream_uri", silent_beside_others)
    _eight_channels(device)
    conn = connect()
    conn.open()
    assert [channel.problem for channel in read_channels(conn)] == [None] * 8


@pytest.mark.usefixtures("short_pauses")
@pytest.mark.parametrize("first", [1, 2, 3, 4])
@pytest.mark.parametrize("login", ["token", "digest"])
def test_a_web_server_that_resets_every_second_request_opens(
    device: SoapDevice, connect: Connect, login: str, first: int
) -> None:
    device.cuts_every_second_from, device.login = first, login
    _eight_channels(device)
    conn = connect()
    conn.open()
    assert [channel.problem for channel in read_channels(conn)] == [None] * 8
    assert conn.info.model == "Model-16"
    assert device.failed_logins == 0


@pytest.mark.usefixtures("short_pauses")
def test_a_wrong_password_on_such_a_web_server_costs_two_logins(device: SoapDevice, connect: Connect) -> None:
    device.cuts_every_second_from = 1
    for _ in range(3):
        with pytest.raises(CameraAuthFailed):
            connect(password="wrong").open()
    assert device.failed_logins <= 2


@pytest.mark.usefixtures("short_pauses")
@pytest.mark.parametrize("first", [1, 2, 3, 4, 5])
def test_such_a_web_server_that_cuts_off_wrong_logins_gets_three(
    device: SoapDevice, connect: Connect, first: int
) -> None:
    device.cuts_every_second_from, device.cuts_wrong_logins = first, True
    for _ in range(5):
        with pytest.raises(DeviceError):
            connect(password="wrong").open()
    assert device.failed_logins <= 3


@pytest.mark.slow
def test_one_channel_that_hangs_costs_that_channel_only(device: SoapDevice, connect: Connect) -> None:
    _eight_channels(device)
    answer = device.answers["GetStreamUri"]
    assert callable(answer)
    device.answers["GetStreamUri"] = lambda request: CUT if request.value("ProfileToken") == "P3" else answer(request)
    conn = connect()
    conn.open()
    channels = read_channels(conn)
    assert [channel.number for channel in channels if channel.problem] == [4]


@pytest.mark.slow
@pytest.mark.usefixtures("short_pauses")
def test_a_device_whose_streams_all_hang_is_unreachable(device: SoapDevice, connect: Connect) -> None:
    _eight_channels(device)
    device.answers["GetStreamUri"] = CUT
    conn = connect()
    conn.open()
    with pytest.raises(DeviceError):
        read_channels(conn)
