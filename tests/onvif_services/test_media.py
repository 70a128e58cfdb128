"""Channels, stream addresses and key frames from Media and Media2."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from core.errors import CameraBadAnswer, CameraUnreachable, CameraUnsupported, DeviceError
from core.records import Channel, ProfileRole, VideoFormat
from onvif_services import media
from onvif_services.connection import DeviceConnection
from onvif_services.faults import NoAnswer
from tests.onvif_services.connecting import Connect
from tests.onvif_services.soap_device import CUT, Reply, Request, SoapDevice, fault, profile, profile2


def _opened(connect: Connect) -> DeviceConnection:
    conn = connect()
    conn.open()
    return conn


def _profiles(device: SoapDevice, *items: str) -> None:
    device.answers["GetProfiles"] = f"<trt:GetProfilesResponse>{''.join(items)}</trt:GetProfilesResponse>"


def _with_media2(device: SoapDevice, media1: list[str], media2: list[str]) -> None:
    """Answer GetProfiles by the path of the request: that of Media or of Media2."""
    device.services["media2"] = "http://www.onvif.org/ver20/media/wsdl"

    def answer(request: Request) -> str:
        if request.path.endswith("media2"):
            return f"<tr2:GetProfilesResponse>{''.join(media2)}</tr2:GetProfilesResponse>"
        return f"<trt:GetProfilesResponse>{''.join(media1)}</trt:GetProfilesResponse>"

    device.answers["GetProfiles"] = answer


SIZES = (("main", 1920), ("sub", 640))


def _tokens(channel: Channel) -> list[tuple[str, str]]:
    return [(item.profile_token, item.role.value) for item in channel.profiles]


def test_dahua_like_tokens_become_channels_with_main_and_sub(device: SoapDevice, connect: Connect) -> None:
    listed = []
    for n in range(16):
        listed.append(profile(f"MediaProfile{n:03}00", f"{n:03}00", 1920, 1080))
        listed.append(profile(f"MediaProfile{n:03}01", f"{n:03}00", 640, 360))
    _profiles(device, *listed)
    channels = media.read_channels(_opened(connect))
    assert [channel.number for channel in channels] == list(range(1, 17))
    assert [channel.name for channel in channels] == [f"Channel {n}" for n in range(1, 17)]
    assert _tokens(channels[1]) == [("MediaProfile00100", "main"), ("MediaProfile00101", "sub")]
    assert channels[1].video_source_token == "00100"
    assert channels[0].profiles[0].video == VideoFormat("h264", 1920, 1080, 25.0, 4096, 50)
    assert not any(channel.problem for channel in channels)


@pytest.mark.parametrize("seed", range(5))
def test_elements_are_read_in_any_order(device: SoapDevice, connect: Connect, seed: int) -> None:
    """zeep silently returns None for elements in another order than the schema's."""
    shuffled = (
        '<trt:Profiles token="P1"><tt:VideoEncoderConfiguration token="E">'
        "<tt:H264><tt:GovLength>50</tt:GovLength></tt:H264>"
        "<tt:RateControl><tt:BitrateLimit>4096</tt:BitrateLimit><tt:FrameRateLimit>25</tt:FrameRateLimit></tt:RateControl>"
        "<tt:Resolution><tt:Height>1080</tt:Height><tt:Width>1920</tt:Width></tt:Resolution>"
        "<tt:Encoding>H264</tt:Encoding><tt:Vendor>x</tt:Vendor></tt:VideoEncoderConfiguration>"
        '<tt:VideoSourceConfiguration token="C"><tt:SourceToken>S1</tt:SourceToken></tt:VideoSourceConfiguration>'
        "<tt:Name>Main</tt:Name></trt:Profiles>"
    )
    items = [shuffled, profile("P2", "S1", 640, 360), profile("P3", "S2", 1280, 720)]
    random.Random(seed).shuffle(items)
    _profiles(device, *items)
    channels = {channel.video_source_token: channel for channel in media.read_channels(_opened(connect))}
    assert _tokens(channels["S1"]) == [("P1", "main"), ("P2", "sub")]
    assert channels["S1"].profiles[0].video == VideoFormat("h264", 1920, 1080, 25.0, 4096, 50)
    assert _tokens(channels["S2"]) == [("P3", "main")]


def test_a_device_without_profiles_says_so_on_its_health_card(device: SoapDevice, connect: Connect) -> None:
    _profiles(device)
    conn = _opened(connect)
    assert media.read_channels(conn) == ()
    (check,) = [check for check in conn.checks if check.name == "media profiles"]
    assert check.outcome == "camera_no_signal"
    assert "lists no media profiles" in check.detail


@pytest.mark.parametrize(
    ("outer", "inner"),
    [("trt:ProfileList", "trt:Profiles"), ("trt:Profiles", "trt:Profile"), ("trt:Profiles", "trt:Profiles")],
)
def test_profiles_that_stand_one_level_deeper_are_read(
    device: SoapDevice, connect: Connect, outer: str, inner: str
) -> None:
    items = "".join(profile(f"P{number}", f"S{number}", 640, 360) for number in (1, 2))
    listed = items.replace("trt:Profiles", inner)
    device.answers["GetProfiles"] = f"<trt:GetProfilesResponse><{outer}>{listed}</{outer}></trt:GetProfilesResponse>"
    assert [_tokens(channel) for channel in media.read_channels(_opened(connect))] == [
        [("P1", "main")],
        [("P2", "main")],
    ]


def test_profiles_without_tokens_are_asked_for_by_name(device: SoapDevice, connect: Connect) -> None:
    _profiles(device, profile("Main", "S1", 640, 360).replace('token="Main"', ""))
    conn = _opened(connect)
    (channel,) = media.read_channels(conn)
    assert (_tokens(channel), channel.problem) == ([("Main", "main")], None)
    assert ("profile tokens", "guessed") in {(check.name, check.outcome) for check in conn.checks}


@pytest.mark.parametrize(
    "inside", ["<trt:MediaUri>{}</trt:MediaUri>", "<trt:MediaUri><tt:Url>{}</tt:Url></trt:MediaUri>"]
)
def test_a_stream_address_in_another_element_is_found(device: SoapDevice, connect: Connect, inside: str) -> None:
    address = inside.format("rtsp://10.11.12.13:554/live/main")
    device.answers["GetStreamUri"] = f"<trt:GetStreamUriResponse>{address}</trt:GetStreamUriResponse>"
    assert media.stream_uri(_opened(connect), "MediaProfile00000") == "rtsp://127.0.0.1:554/live/main"


def test_profiles_that_only_media2_lists_are_found(device: SoapDevice, connect: Connect) -> None:
    _with_media2(device, [profile("Sub", "S1", 640, 360)], [profile2("Main", "S1", 2560, 1440)])
    (channel,) = media.read_channels(_opened(connect))
    main, sub = channel.profiles
    assert (main.profile_token, main.service, main.role) == ("Main", "media2", ProfileRole.MAIN)
    assert main.video == VideoFormat("hevc", 2560, 1440, 20.0, 2048, 60)
    assert (sub.profile_token, sub.service, sub.role) == ("Sub", "media", ProfileRole.SUB)


@pytest.mark.parametrize("wrong", ["", "JPEG", "H264"])
def test_media2_is_believed_if_media_cannot_name_h265(device: SoapDevice, connect: Connect, wrong: str) -> None:
    _with_media2(device, [profile("Main", "S1", 1920, 1080, wrong)], [profile2("Main", "S1", 1920, 1080, "H265")])
    (channel,) = media.read_channels(_opened(connect))
    (main,) = channel.profiles
    assert main.video is not None
    assert (main.video.codec, main.service) == ("hevc", "media2")


def test_a_device_with_media2_alone_is_read(device: SoapDevice, connect: Connect) -> None:
    _with_media2(device, [], [profile2("A", "S1", 1920, 1080, "H264")])
    del device.services["media"]
    device.answers["GetCapabilities"] = fault("ter:ActionNotSupported", "no")
    device.answers["GetStreamUri"] = (
        "<tr2:GetStreamUriResponse><tr2:Uri>rtsp://1.2.3.4/a</tr2:Uri></tr2:GetStreamUriResponse>"
    )
    conn = _opened(connect)
    (channel,) = media.read_channels(conn)
    assert media.stream_uri(conn, "A", "media2") == "rtsp://127.0.0.1:554/a"
    assert channel.problem is None
    assert device.asked("GetStreamUri")[0].value("Protocol") == "RTSP"


def test_one_failing_media_service_does_not_affect_the_other(device: SoapDevice, connect: Connect) -> None:
    device.services["media2"] = "http://www.onvif.org/ver20/media/wsdl"
    good = f"<trt:GetProfilesResponse>{profile('A', 'S', 1, 1)}</trt:GetProfilesResponse>"
    device.answers["GetProfiles"] = lambda request: (
        fault("ter:ActionNotSupported", "no") if request.path.endswith("media2") else good
    )
    conn = _opened(connect)
    assert len(media.read_channels(conn)) == 1
    outcomes = {check.name: check.outcome for check in conn.checks}
    assert outcomes["profiles of media2"] == "camera_unsupported"
    assert outcomes["profiles of media"] == "ok"


def test_channels_without_encoder_or_address_are_marked_dead(device: SoapDevice, connect: Connect) -> None:
    _profiles(device, profile("A", "S1", 1920, 1080), profile("B", "S2", 0, 0, ""), profile("C", "S3", 1920, 1080))
    device.answers["GetStreamUri"] = lambda request: (
        fault("ter:NoSuchStream", "x")
        if request.value("ProfileToken") == "C"
        else "<trt:GetStreamUriResponse><trt:MediaUri><tt:Uri>rtsp://x/a</tt:Uri></trt:MediaUri></trt:GetStreamUriResponse>"
    )
    one, two, three = media.read_channels(_opened(connect))
    assert one.problem is None
    assert two.problem is not None
    assert two.problem.code == "camera_no_signal"
    assert three.problem is not None
    assert three.problem.code == "camera_unreachable"


@pytest.mark.parametrize(("sources", "channels"), [(("S1", ""), 1), (("", ""), 1), (("S1", "S2", ""), 3)])
def test_a_profile_without_a_source_joins_the_only_source(
    device: SoapDevice, connect: Connect, sources: tuple[str, ...], channels: int
) -> None:
    _profiles(device, *(profile(f"P{n}", source, 640, 360) for n, source in enumerate(sources)))
    assert len(media.read_channels(_opened(connect))) == channels


def test_channels_follow_the_order_of_the_video_sources(device: SoapDevice, connect: Connect) -> None:
    _profiles(device, profile("A", "S10", 1, 1), profile("B", "S2", 1, 1), profile("C", "S99", 1, 1))
    device.answers["GetVideoSources"] = (
        '<trt:GetVideoSourcesResponse><trt:VideoSources token="S2"/><trt:VideoSources token="S10"/>'
        '<trt:VideoSources token="S3"/></trt:GetVideoSourcesResponse>'
    )
    channels = media.read_channels(_opened(connect))
    assert [channel.video_source_token for channel in channels] == ["S2", "S10", "S3", "S99"]
    assert [channel.problem is not None for channel in channels] == [False, False, True, False]


def test_a_channel_takes_a_meaningful_name_of_the_device(device: SoapDevice, connect: Connect) -> None:
    _profiles(
        device,
        profile("A", "S1", 1, 1, name="Front door"),
        profile("B", "S2", 1, 1, name="VideoSourceConfig_2"),
        profile("C", "S3", 1, 1, name="Yard"),
        profile("D", "S4", 1, 1, name="Yard"),
    )
    names = [channel.name for channel in media.read_channels(_opened(connect), check_streams=False)]
    assert names == ["Front door", "Channel 2", "Channel 3", "Channel 4"]


def test_hostile_profiles_do_not_affect_the_others(device: SoapDevice, connect: Connect) -> None:
    _profiles(
        device,
        profile("A", "S1", 1920, 1080),
        profile("x" * 5000, "S2", 1, 1),
        '<trt:Profiles token=""/>',
        "<trt:Profiles/>",
        profile("B", "S3", 10**12, -5, name="&lt;img src=x onerror=alert(1)&gt;"),
        *(profile(f"N{n}", "S4", 1, 1) for n in range(1500)),
    )
    channels = media.read_channels(_opened(connect), check_streams=False)
    assert channels[0].profiles[0].profile_token == "A"
    assert channels[1].name == "<img src=x onerror=alert(1)>"
    assert channels[1].profiles[0].video == VideoFormat("h264", None, None, 25.0, 4096, 50)
    assert sum(len(channel.profiles) for channel in channels) <= media.MAX_PROFILES


def test_guessed_inputs_and_shared_tokens_stand_on_the_health_card(device: SoapDevice, connect: Connect) -> None:
    _profiles(device, *(profile(f"ch{n} {kind}", "S1", size, size) for n in (1, 2) for kind, size in SIZES))
    conn = _opened(connect)
    assert [len(channel.profiles) for channel in media.read_channels(conn)] == [2, 2]
    (guess,) = [check for check in conn.checks if check.name == "inputs"]
    assert (guess.outcome, guess.detail[:8]) == ("guessed", "2 inputs")
    _profiles(device, profile("A", "S1", 640, 360), profile("A", "S2", 640, 360))
    assert [channel.problem is None for channel in media.read_channels(conn)] == [True, False]
    (shared,) = [check for check in conn.checks if check.name == "profile tokens"]
    assert (shared.outcome, shared.detail) == ("not unique", "another input has them, too: 1")


def test_profiles_of_many_channels_may_take_megabytes(device: SoapDevice, connect: Connect) -> None:
    rule = '<tt:SimpleItem Name="Sensitivity" Value="60"/>' * 150
    analytics = f'<tt:VideoAnalyticsConfiguration token="a">{rule}</tt:VideoAnalyticsConfiguration></trt:Profiles>'
    listed = [
        profile(f"P{n}{quality}", f"S{n}", 1920 // quality, 1080 // quality).replace("</trt:Profiles>", analytics)
        for n in range(128)
        for quality in (1, 3, 6)
    ]
    assert sum(map(len, listed)) > 2_500_000
    _profiles(device, *listed)
    channels = media.read_channels(_opened(connect), check_streams=False)
    assert [len(channel.profiles) for channel in channels] == [3] * 128


# -- stream addresses --------------------------------------------------------------------------


def _uri(device: SoapDevice, uri: str) -> None:
    device.answers["GetStreamUri"] = (
        f"<trt:GetStreamUriResponse><trt:MediaUri><tt:Uri>{uri}</tt:Uri></trt:MediaUri></trt:GetStreamUriResponse>"
    )


def test_a_stream_address_gets_our_host_and_loses_its_user_info(device: SoapDevice, connect: Connect) -> None:
    conn = _opened(connect)
    _uri(device, "rtsp://admin:geheim@192.168.7.7:5554/cam/realmonitor?channel=1&amp;subtype=0")
    uri = media.stream_uri(conn, "MediaProfile00000")
    assert uri == "rtsp://127.0.0.1:5554/cam/realmonitor?channel=1&subtype=0"
    asked = device.asked("GetStreamUri")[-1]
    assert (asked.value("Stream"), asked.value("Protocol")) == ("RTP-Unicast", "RTSP")
    assert asked.value("ProfileToken") == "MediaProfile00000"


@pytest.mark.parametrize(
    "uri",
    ["", "file:///etc/passwd", "ftp://10.0.0.1/x", "concat:rtsp://a|rtsp://b", "rtsp://h/a&#10;b", "-i", "rtsp:x"],
)
def test_hostile_stream_addresses_are_bad_answers(device: SoapDevice, connect: Connect, uri: str) -> None:
    conn = _opened(connect)
    _uri(device, uri)
    with pytest.raises(CameraBadAnswer):
        media.stream_uri(conn, "MediaProfile00000")


def _uri_for(transport: str, uri: str) -> Callable[[Request], str | Reply]:
    """Answer GetStreamUri for one transport only."""
    answer = f"<trt:GetStreamUriResponse><trt:MediaUri><tt:Uri>{uri}</tt:Uri></trt:MediaUri></trt:GetStreamUriResponse>"
    return lambda request: answer if request.value("Protocol") == transport else fault("ter:InvalidArgVal", "no")


@pytest.mark.parametrize(
    ("transport", "uri", "expected"),
    [
        ("RTSP", "rtsp://x/live", "rtsp://127.0.0.1:554/live"),
        ("UDP", "rtsp://x/live", "rtsp://127.0.0.1:554/live"),
        ("HTTP", "http://x:8000/live", "rtsp://127.0.0.1:8000/live"),
    ],
)
def test_another_transport_is_asked_for_if_the_device_refuses_rtsp(
    device: SoapDevice, connect: Connect, transport: str, uri: str, expected: str
) -> None:
    conn = _opened(connect)
    device.answers["GetStreamUri"] = _uri_for(transport, uri)
    assert media.stream_uri(conn, "MediaProfile00000") == expected
    calls = len(device.asked("GetStreamUri"))
    assert media.stream_uri(conn, "MediaProfile00001") == expected
    assert len(device.asked("GetStreamUri")) == calls + 1, "the transport is remembered"


def test_a_known_transport_does_not_hide_the_others(device: SoapDevice, connect: Connect) -> None:
    """Some channels of a recorder may be offered by another transport than the first one."""
    by_token = {"A": "RTSP", "B": "UDP"}
    device.answers["GetStreamUri"] = lambda request: _uri_for(
        by_token[request.value("ProfileToken")], f"rtsp://10.0.0.1/{request.value('ProfileToken')}"
    )(request)
    conn = connect()
    conn.open()
    for token in ("A", "B", "A"):
        assert media.stream_uri(conn, token) == f"rtsp://127.0.0.1:554/{token}"


@pytest.mark.parametrize("token", ["", "a\x00b", "a\nb", "x" * 300])
def test_an_invalid_token_is_refused_before_the_device_is_asked(
    device: SoapDevice, connect: Connect, token: str
) -> None:
    conn = _opened(connect)
    with pytest.raises(DeviceError):
        media.stream_uri(conn, token)
    assert not device.asked("GetStreamUri")


@pytest.mark.parametrize("token", ["a/b", "../..", "a?b", "<x>&amp;", "Überwachung", "-i"])
def test_odd_tokens_reach_the_device_as_they_are(device: SoapDevice, connect: Connect, token: str) -> None:
    conn = _opened(connect)
    media.request_key_frame(conn, token)
    sent = device.asked("SetSynchronizationPoint")[0].value("ProfileToken")
    assert sent.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") == token


def test_a_device_that_refuses_a_key_frame_is_not_asked_again(device: SoapDevice, connect: Connect) -> None:
    """Not for this media profile, in any service, until it is connected anew."""
    works = device.answers["SetSynchronizationPoint"]
    device.services["media2"] = "http://www.onvif.org/ver20/media/wsdl"
    device.answers["SetSynchronizationPoint"] = fault("ter:ActionNotSupported", "x")
    conn = _opened(connect)
    with pytest.raises(CameraUnsupported):
        media.request_key_frame(conn, "P")
    first = len(device.asked("SetSynchronizationPoint"))
    device.answers["SetSynchronizationPoint"] = works
    with pytest.raises(CameraUnsupported):
        media.request_key_frame(conn, "P")
    assert len(device.asked("SetSynchronizationPoint")) == first
    media.request_key_frame(conn, "Q")
    media.request_key_frame(_opened(connect), "P")


def test_a_lost_answer_bars_key_frame_requests_for_minutes(device: SoapDevice, connect: Connect) -> None:
    works = device.answers["SetSynchronizationPoint"]
    device.answers["SetSynchronizationPoint"] = CUT
    conn = _opened(connect)
    with pytest.raises(NoAnswer):
        media.request_key_frame(conn, "P")
    device.answers["SetSynchronizationPoint"] = works
    with pytest.raises(CameraUnsupported):
        media.request_key_frame(conn, "P")
    conn.refused_key_frames["P"] -= 300  # as after five minutes
    media.request_key_frame(conn, "P")


def test_the_other_media_service_is_asked_if_the_first_fails(device: SoapDevice, connect: Connect) -> None:
    device.services["media2"] = "http://www.onvif.org/ver20/media/wsdl"
    conn = _opened(connect)
    device.answers["GetStreamUri"] = lambda request: (
        "<tr2:GetStreamUriResponse><tr2:Uri>rtsp://h:554/b</tr2:Uri></tr2:GetStreamUriResponse>"
        if request.path.endswith("media2")
        else fault("ter:NoProfile", "x")
    )
    assert media.stream_uri(conn, "P", "media") == "rtsp://127.0.0.1:554/b"


def test_a_device_without_media_service_is_unsupported(device: SoapDevice, connect: Connect) -> None:
    del device.services["media"]
    conn = _opened(connect)
    for call in (
        lambda: media.read_channels(conn),
        lambda: media.stream_uri(conn, "P"),
        lambda: media.request_key_frame(conn, "P"),
    ):
        with pytest.raises(CameraUnsupported) as caught:
            call()
        assert caught.value.service == "media"


def test_a_device_that_goes_away_during_reading_is_unreachable(device: SoapDevice, connect: Connect) -> None:
    conn = _opened(connect)
    conn.close()
    with pytest.raises(CameraUnreachable):
        media.read_channels(conn)
