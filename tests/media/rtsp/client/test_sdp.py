"""A device's SDP is parsed into checked values; our SDP is built only from these."""

from __future__ import annotations

import base64
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.records import AudioFormat
from media.codecs.video import H264, HEVC, MJPEG
from media.rtsp.client.sdp import SdpError, SessionDescription, build_sdp, parse_sdp
from tests.patience import promised

SPS = bytes.fromhex("6742c01ed901e08fe6f01100000303e90000ea600f162e48")
PPS = bytes.fromhex("68cb83cb20")
SETS = f"{base64.b64encode(SPS).decode()},{base64.b64encode(PPS).decode()}"


def described(*lines: str) -> SessionDescription:
    return parse_sdp("\r\n".join(("v=0", *lines, "")).encode())


def audio_of(*lines: str) -> AudioFormat | None:
    audio = described("m=audio 0 RTP/AVP " + lines[0], *lines[1:]).audio
    return audio.format if audio else None


def test_h264_is_read_with_its_parameter_sets() -> None:
    video = described(
        *("a=control:rtsp://cam/x", "m=video 0 RTP/AVP 96", "a=rtpmap:96 H264/90000"),
        *(f"a=fmtp:96 packetization-mode=1; sprop-parameter-sets={SETS}", "a=control:trackID=1"),
    ).video
    assert video
    assert (video.codec, video.payload_type, video.control) == (H264, 96, "trackID=1")
    assert dict(video.sets) == {"sps": SPS, "pps": PPS}


def test_all_parameter_sets_are_kept() -> None:
    other = b"\x68\x4e\x3c\x80"
    named = ",".join(base64.b64encode(nal).decode() for nal in (SPS, PPS, other, PPS))
    video = described("m=video 0 RTP/AVP 96", "a=rtpmap:96 H264/90000", f"a=fmtp:96 sprop-parameter-sets={named}").video
    assert video
    assert (dict(video.sets), video.more_sets) == ({"sps": SPS, "pps": PPS}, (other,))


RECORD = b"\1" + SPS[1:4] + b"\xff\xe1" + len(SPS).to_bytes(2) + SPS + b"\1" + len(PPS).to_bytes(2) + PPS


@pytest.mark.parametrize(
    "written",
    [
        SETS.replace(",", ";"),
        SETS.replace(",", " "),
        SETS.replace(",", "%2C"),
        SETS.replace(",", ",\r\n "),
        f"{SPS.hex()},{PPS.hex().upper()}",
        base64.b64encode(RECORD).decode(),
        SETS[:6] + " " + SETS[6:],
    ],
)
@pytest.mark.parametrize("attribute", ["fmtp:96 ", "fmtp=96 ", "fmtp 96 ", "fmtp : 96: "])
def test_parameter_sets_in_odd_writing_are_read(written: str, attribute: str) -> None:
    video = described(
        *("m=video 0 RTP/AVP 96", "a=rtpmap:96 H264/90000"),
        f"a={attribute}packetization-mode=1;sprop-parameter-sets={written};profile-level-id=42c01e",
    ).video
    assert video
    assert (dict(video.sets), video.more_sets) == ({"sps": SPS, "pps": PPS}, ())


def test_invalid_parameter_sets_are_left_out() -> None:
    video = described(
        *("m=video 0 RTP/AVP 96", "a=rtpmap:96 H264/90000"),
        f"a=fmtp:96 sprop-parameter-sets=!!!,AAAA,{'A' * 8000},{base64.b64encode(PPS).decode()}",
    ).video
    assert video
    assert dict(video.sets) == {"pps": PPS}


@pytest.mark.parametrize("types", [" 96", " 105", ""])
def test_video_that_nothing_describes_is_taken_for_h264(types: str) -> None:
    video = described(f"m=video 0 RTP/AVP{types}", "a=control:t1").video
    assert video
    assert (video.codec, video.payload_type) == (H264, int(types or 96))


@pytest.mark.parametrize("rtpmap", ["96 MP4V-ES/90000", "96 vnd.onvif.metadata/90000"])
def test_unsupported_video_differs_from_no_video(rtpmap: str) -> None:
    description = described("m=video 0 RTP/AVP 96", f"a=rtpmap:{rtpmap}")
    assert description.video is None
    assert description.has_other_video


@pytest.mark.parametrize(("stated", "expected"), [("sprop-max-don-diff=2", True), ("sprop-max-don-diff=0", False)])
def test_order_numbers_in_packets_are_noted(stated: str, expected: bool) -> None:
    video = described("m=video 0 RTP/AVP 96", "a=rtpmap:96 H265/90000", f"a=fmtp:96 {stated}").video
    assert video
    assert video.has_order_numbers is expected


VIDEO = ("m=video 0 RTP/AVP 96", "a=rtpmap:96 H264/90000", f"a=fmtp:96 sprop-parameter-sets={SETS}", "a=control:t1")
SPACED = SETS.replace(",", " , ")


@pytest.mark.parametrize(
    "lines",
    [
        VIDEO,
        (VIDEO[0], VIDEO[1], VIDEO[3], "m=audio 0 RTP/AVP 8", "a=control:t2", VIDEO[2]),
        (VIDEO[1], VIDEO[2], VIDEO[0], VIDEO[3]),
        (VIDEO[0], VIDEO[3], VIDEO[2], VIDEO[1]),
        (*VIDEO[:2], f"a=fmtp:96 packetization-mode = 1; sprop-parameter-sets = {SPACED}", VIDEO[3]),
        (*VIDEO[:2], f"a=fmtp:96\tPacketization-Mode=1;;SPROP-PARAMETER-SETS={SETS};", VIDEO[3]),
        (*VIDEO[:2], f"a=fmtp:96 packetization-mode=1 sprop-parameter-sets={SETS}", VIDEO[3]),
        (*VIDEO[:2], "a=fmtp:96 packetization-mode=1", VIDEO[2], VIDEO[3]),
        (*VIDEO[:2], f'a=fmtp:96 sprop-parameter-sets="{SETS}"', VIDEO[3]),
        (*VIDEO[:2], f"A = fmtp : 96  sprop-parameter-sets={SETS}", "a=Control: t1"),
        (VIDEO[0], "a=rtpmap 96 h264 / 90000", VIDEO[2], VIDEO[3]),
        (VIDEO[0], "a=rtpmap:96 H264", VIDEO[2], VIDEO[3]),
        (VIDEO[0], VIDEO[2], VIDEO[3]),
        ("m=video 0 96", *VIDEO[1:]),
        ("m=Video RTP/AVP 96", *VIDEO[1:]),
        ("m=video 0 RTP/AVP", *VIDEO[1:]),
        ("\ufeffm=application 0 RTP/AVP 107", "a=control:t0", "", "m=text 0 RTP/AVP 98", *VIDEO),
        (*VIDEO[:3], "a=control:*", "a=control:t1"),
        (VIDEO[0], "a=rtpmap:96 H264/0", VIDEO[2], VIDEO[3]),
        (VIDEO[0], "a=rtpmap:96 x-h264/90000", VIDEO[2], VIDEO[3]),
        (VIDEO[0], "a=rtpmap:97 H264/90000", VIDEO[2].replace("96", "97"), VIDEO[3]),
        (*VIDEO[:2], VIDEO[2].replace("96 ", "96 packetization-mode=2;"), VIDEO[3]),
        (*VIDEO[:3], 'a=control:"t1"\0'),
        (*VIDEO[:2], VIDEO[2].replace("fmtp:96", "fmtp:97"), VIDEO[3]),
        (*VIDEO[:2], VIDEO[2].replace("fmtp:96 ", "fmtp:"), VIDEO[3]),
        (*VIDEO[:2], VIDEO[2].replace("96 ", "96;"), VIDEO[3]),
        (*VIDEO[:2], VIDEO[2].replace("96 ", "96packetization-mode=1,"), VIDEO[3]),
        (*VIDEO[:2], VIDEO[2].replace("sets=", "sets:"), VIDEO[3]),
        (*VIDEO[:2], f"{VIDEO[2]}===", VIDEO[3]),
        (*VIDEO[:2], VIDEO[2].replace("=,", "%3D,"), VIDEO[3]),
        (*VIDEO[:2], f"{VIDEO[2]}\\r", VIDEO[3]),
        (*VIDEO[:2], VIDEO[2].replace(",", "A,"), VIDEO[3]),
        (*VIDEO[:2], VIDEO[2].replace("/", "_").replace("+", "-").replace("_RTP_AVP", "/RTP/AVP"), VIDEO[3]),
        (VIDEO[0], "a=rtpmap:96 H264-SVC/90000", *VIDEO[2:]),
        (*VIDEO, "m=audio 0 RTP/AVP (null)", "a=rtpmap", "m=application/TP-LINK 0 RTP/AVP smart/1/90000"),
    ],
)
def test_oddly_written_video_is_read(lines: tuple[str, ...]) -> None:
    video = described(*lines).video
    assert video
    assert (video.codec, video.payload_type, video.clock_rate, video.control) == (H264, 96, 90000, "t1")
    assert dict(video.sets) == {"sps": SPS, "pps": PPS}


def test_a_payload_type_that_two_media_use_keeps_its_own_lines() -> None:
    description = described("m=audio 0 RTP/AVP 96", "a=rtpmap:96 PCMA/8000", *VIDEO)
    assert description.video
    assert description.audio
    assert (description.video.codec, description.audio.format.codec) == (H264, "pcm_alaw")


def test_a_device_that_marks_all_media_as_sent_sends_the_audio() -> None:
    assert described(*VIDEO, "a=sendonly", "m=audio 0 RTP/AVP 8", "a=sendonly").audio
    assert not described(*VIDEO, "m=audio 0 RTP/AVP 8", "a=sendonly").audio


def test_audio_codecs_have_ffmpegs_names() -> None:
    assert audio_of("8") == AudioFormat("pcm_alaw", 8000, 1)
    assert audio_of("0") == AudioFormat("pcm_mulaw", 8000, 1)
    assert audio_of("9") == AudioFormat("adpcm_g722", 16000, 1)
    assert audio_of("97", "a=rtpmap:97 PCMA/16000") == AudioFormat("pcm_alaw", 16000, 1)
    assert audio_of("97", "a=rtpmap:97 G726-32/8000") == AudioFormat("g726", 8000, 1)
    aac = ("97", "a=rtpmap:97 MPEG4-GENERIC/16000/1")
    fmtp = "a=fmtp:97 mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config="
    assert audio_of(*aac, fmtp + "1408") == AudioFormat("aac", 16000, 1)
    assert audio_of(*aac, fmtp + "1190") == AudioFormat("aac", 48000, 2)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (("8", "a=rtpmap:8 G711A/8000"), AudioFormat("pcm_alaw", 8000, 1)),
        (("8", "a=rtpmap:8 PCMA/0"), AudioFormat("pcm_alaw", 8000, 1)),
        (("97", "a=rtpmap:97 PCMU/0"), AudioFormat("pcm_mulaw", 8000, 1)),
        (("97", "a=rtpmap:97 ALAW/8000"), AudioFormat("pcm_alaw", 8000, 1)),
        (("97", "a=rtpmap:97 G726/8000"), AudioFormat("g726", 8000, 1)),
        (("0", "a=rtpmap:0 G711/8000"), AudioFormat("pcm_mulaw", 8000, 1)),
        (("8", "a=rtpmap:8 G.711/8000"), AudioFormat("pcm_alaw", 8000, 1)),
        (("97", "a=rtpmap:97 mulaw/8000"), AudioFormat("pcm_mulaw", 8000, 1)),
        (("97", "a=rtpmap:97 G711/8000"), AudioFormat("pcm_alaw", 8000, 1)),
        (("97", "a=rtpmap:97 mp4a/16000"), AudioFormat("aac", 16000, 1)),
        (("97", "a=rtpmap:97 AAC-hbr/16000/1", "a=fmtp:97 config=1408"), AudioFormat("aac", 16000, 1)),
        (("9", "a=rtpmap:9 G722/16000"), AudioFormat("adpcm_g722", 16000, 1)),
        (("97", "a=rtpmap:97 AAC/16000/1"), AudioFormat("aac", 16000, 1)),
        (("104", "a=rtpmap:104 MPEG4-GENERIC/16000", "a=fmtp:98 config=1190"), AudioFormat("aac", 48000, 2)),
        (
            ("97", "a=rtpmap:97 MPEG4-GENERIC/8000", "a=fmtp:97 mode=generic;config=0x1408"),
            AudioFormat("aac", 16000, 1),
        ),
    ],
)
def test_oddly_written_audio_is_read(lines: tuple[str, ...], expected: AudioFormat) -> None:
    assert audio_of(*lines) == expected


def test_audio_without_a_payload_type_is_none() -> None:
    description = described(*VIDEO, "m=audio 0 RTP/AVP (null)", "a=rtpmap", "a=control:track=2")
    assert (description.audio, description.other_audio) == (None, "")


def test_mjpeg_by_another_name_is_read_by_its_static_type() -> None:
    video = described("m=video 0 RTP/AVP 26", "a=rtpmap:26 MJPG/90000").video
    assert video
    assert video.codec is MJPEG


@pytest.mark.parametrize(
    "lines",
    [
        ("97", "a=rtpmap:97 AMR/8000"),
        ("8", "a=rtpmap:8 AMR/8000"),
        ("97", "a=rtpmap:97 MPEG4-GENERIC/16000", "a=fmtp:97 mode=CELP-vbr;config=1408"),
        ("97", "a=rtpmap:97 MPEG4-GENERIC/16000", "a=fmtp:97 mode=AAC-hbr;config=1408;sizelength=99"),
        ("97", "a=rtpmap:97 PCMA/999999"),
        ("97", "a=rtpmap:97 PCMA/8000/99"),
        ("97",),
        ("8", "a=sendonly"),
    ],
)
def test_unsupported_audio_is_dropped(lines: tuple[str, ...]) -> None:
    assert audio_of(*lines) is None


@pytest.mark.parametrize(
    "body",
    [b"", b"v=0\r\n", b"x" * 70_000, b"m=video 0 RTP/AVP 96\n" * 50, b"m=video 0 RTP/AVP 96\n" + b"a=x\n" * 2000],
)
def test_a_description_beyond_bounds_or_without_media_is_refused(body: bytes) -> None:
    with pytest.raises(SdpError):
        parse_sdp(body)


def test_a_web_page_in_place_of_a_description_is_named() -> None:
    with pytest.raises(SdpError, match="web page"):
        parse_sdp(b"\r\n<html><body>Login</body></html>")


def test_no_text_of_a_device_reaches_our_sdp() -> None:
    description = described(
        *("s=evil", "m=video 0 RTP/AVP 96", "a=rtpmap:96 H264/90000", f"a=fmtp:96 sprop-parameter-sets={SETS};evil=1"),
        *("a=control:evil", "m=audio 0 RTP/AVP 97", "a=rtpmap:97 mpeg4-generic/16000"),
        "a=fmtp:97 mode=AAC-hbr;config=1408;evil=2;sizelength=13;indexlength=3;indexdeltalength=3",
    )
    assert description.video
    ours = build_sdp(description.video.codec, description.video.sets, description.audio).decode()
    assert "evil" not in ours
    assert f"sprop-parameter-sets={SETS}" in ours
    assert "a=rtpmap:97 MPEG4-GENERIC/16000/1" in ours


@pytest.mark.parametrize("codec", [H264, HEVC])
def test_our_sdp_can_be_parsed(codec: object) -> None:
    sets = {"sps": SPS, "pps": PPS} if codec is H264 else {"vps": b"\x40\1v", "sps": b"\x42\1s", "pps": b"\x44\1p"}
    chosen = H264 if codec is H264 else HEVC
    again = parse_sdp(build_sdp(chosen, sets, described("m=audio 0 RTP/AVP 8").audio))
    assert again.video
    assert (again.video.codec, dict(again.video.sets)) == (chosen, sets)
    assert again.audio
    assert again.audio.format == AudioFormat("pcm_alaw", 8000, 1)


WORDS = st.sampled_from(
    [
        "m=video 0 RTP/AVP 96",
        "m=audio 0 RTP/AVP 97 8",
        "a=rtpmap:96 H264/90000",
        "a=fmtp:96 sprop-parameter-sets=",
        "m=",
    ]
)


@given(st.lists(st.one_of(WORDS, st.text(max_size=60), st.text(max_size=20).map("a=fmtp:96 ".__add__)), max_size=30))
def test_random_descriptions_raise_only_sdp_errors(lines: list[str]) -> None:
    with contextlib.suppress(SdpError):
        parse_sdp("\n".join(lines).encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize("separator", [",", " ", ", "])
def test_a_line_of_separators_is_read_in_time(separator: str) -> None:
    with promised(2.0):
        described("m=video 0 RTP/AVP 96", "a=rtpmap:96 H264/90000", f"a=fmtp:96 a=b{separator * 20_000}x")
