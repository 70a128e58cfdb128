"""CPU cost of turning packets into access units and segments: one stream of 1080p at 4 Mbit/s, in this process.

python -m bench.container_cpu [seconds of film]
"""

from __future__ import annotations

import random
import sys
import time

from core.records import AudioFormat, VideoFormat
from media.codecs.video import H264
from media.fmp4.segments import SegmentBuilder
from media.rtsp.client.audio_depacketizing import AudioDepacketizer
from media.rtsp.client.depacketizing import VideoDepacketizer
from media.rtsp.client.rtp import AUDIO, VIDEO, RtpPacket
from media.rtsp.client.sdp import AudioTrack, VideoTrack

FPS = 25
PAYLOAD_BYTES = 1400
BITRATE = 4_000_000
# Baseline, 1920x1080, as camera encoders write it.
SPS = bytes.fromhex("6742c028da01e0089f961000000300100000030320f1832a")
PPS = bytes.fromhex("68ce3c80")


def film(seconds: int) -> list[RtpPacket]:
    """Return packets of a film: each second a key frame that is 8 times as large as the 24 others, and G.711 audio."""
    share = BITRATE // 8 // (FPS - 1 + 8)
    rng = random.Random(5)  # the content of the frames does not matter
    packets: list[RtpPacket] = []
    for index in range(seconds * FPS):
        kind = 5 if index % FPS == 0 else 1
        body = rng.randbytes(share * (8 if kind == 5 else 1))
        parts = [body[at : at + PAYLOAD_BYTES] for at in range(0, len(body), PAYLOAD_BYTES)]
        for number, part in enumerate(parts):
            ends = (0x80 if number == 0 else 0) | (0x40 if number == len(parts) - 1 else 0)
            payload = bytes([0x7C, ends | kind]) + part
            is_last = number == len(parts) - 1
            packets.append(RtpPacket(VIDEO, 96, is_last, len(packets) & 0xFFFF, index * 3600, payload, b"", 0.0))
        packets.append(RtpPacket(AUDIO, 8, True, index & 0xFFFF, index * 320, rng.randbytes(320), b"", 0.0))
    return packets


def run(seconds: int) -> None:
    audio = AudioFormat("pcm_alaw", 8000, 1)
    packets = film(seconds)
    pictures = VideoDepacketizer(VideoTrack(H264, 96, 90_000, "", {"sps": SPS, "pps": PPS}))
    audio_packets = AudioDepacketizer(AudioTrack(audio, 8, 8000, "", "PCMA/8000"))
    build = SegmentBuilder(VideoFormat("h264", 1920, 1080), audio, pictures.parameter_sets)
    made = total = 0
    begun_s = time.process_time()
    for packet in packets:
        for unit in (pictures if packet.track == VIDEO else audio_packets).push((packet,)):
            for segment in build.push(unit):
                made += 1
                total += len(segment.data)
    spent_s = time.process_time() - begun_s
    print(f"{seconds} s of film, {len(packets)} packets, {made} segments, {total / 1e6:.1f} MB")
    print(f"{100 * spent_s / seconds:.2f} % of a core in real time; {seconds / spent_s:.0f} times real time at most")


if __name__ == "__main__":
    run(int(sys.argv[1]) if len(sys.argv) > 1 else 60)
