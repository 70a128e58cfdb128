"""H.264 where the description says H.265, and the reverse: found by the parameter sets, in packets and in the SDP."""

from __future__ import annotations

import base64

import pytest

from media.codecs.video import H264, HEVC, MJPEG
from media.rtsp.client.codec_judge import CodecJudge
from media.rtsp.client.rtp import RtpPacket
from media.rtsp.client.sdp import parse_sdp
from tests.media.encoded import Encoded, RtpSender, encoded

CODECS = {"h264": H264, "hevc": HEVC}
OTHER = {"h264": HEVC, "hevc": H264}


def packets(film: Encoded, *, is_aggregated: bool = False, starts: bytes = b"") -> list[list[RtpPacket]]:
    sender = RtpSender(film.codec)
    found = []
    for index, nals in enumerate(film.pictures):
        sets = tuple(starts + nal for nal in film.sets) if index in film.keys else ()
        first = [sender.aggregate(index, sets)] if is_aggregated and sets else sender.picture(index, sets)
        found.append([*first, *sender.picture(index, nals)])
    return found


@pytest.mark.parametrize("codec", ["h264", "hevc"])
@pytest.mark.parametrize("is_aggregated", [False, True])
@pytest.mark.parametrize("starts", [b"", b"\0\0\0\1"])
def test_the_codec_is_judged_by_its_sps(codec: str, is_aggregated: bool, starts: bytes) -> None:
    film = packets(encoded(codec), is_aggregated=is_aggregated, starts=starts)
    wrong, right = CodecJudge(OTHER[codec]), CodecJudge(CODECS[codec])
    for judge in (wrong, right):
        assert any(not judge.look(batch) for batch in film), "it stops looking"
    assert wrong.found is CODECS[codec]
    assert right.found is None


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_frames_without_sets_prove_nothing(codec: str) -> None:
    film, sender = encoded(codec), RtpSender(codec)
    for described in (H264, HEVC, MJPEG):
        judge = CodecJudge(described)
        for index, nals in enumerate(film.pictures):
            judge.look(sender.picture(index, nals))
        assert judge.found is None


@pytest.mark.parametrize("codec", ["h264", "hevc"])
@pytest.mark.parametrize("named", ["H264", "H265"])
def test_the_sets_of_a_description_decide_about_its_codec(codec: str, named: str) -> None:
    sets = {kind: base64.b64encode(nal).decode() for kind, nal in encoded(codec).named_sets().items()}
    fmtp = ";".join(f"sprop-{kind}={text}" for kind, text in sets.items())
    if codec == "h264":
        fmtp = f"packetization-mode=1;sprop-parameter-sets={sets['sps']},{sets['pps']}"
    lines = ["m=video 0 RTP/AVP 96", f"a=rtpmap:96 {named}/90000", f"a=fmtp:96 {fmtp}"]
    video = parse_sdp("\r\n".join(lines).encode()).video
    assert video
    assert video.codec is CODECS[codec]
    assert video.sets == encoded(codec).named_sets()
