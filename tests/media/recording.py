"""RTP recorded from foreign senders (recorded/README.md), and its contents as extracted by ffmpeg."""

from __future__ import annotations

import re
import struct
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from media.codecs.access_unit import VIDEO, AccessUnit
from media.ffmpeg import find_ffmpeg
from media.fmp4.live import FragmentSink
from media.rtsp.client.framing import Splitter
from media.rtsp.client.rtp import Delivery, RtpPacket, SenderReport, parse_rtcp, parse_rtp
from media.rtsp.client.sdp import AudioTrack, SessionDescription, VideoTrack, parse_sdp
from media.rtsp.live.fragments import LiveFragments
from media.rtsp.live.gop_buffer import Media
from media.rtsp.live.source import SharedSource
from media.rtsp.live.timeline import WallClock

FOLDER = Path(__file__).with_name("recorded")
_RECORD = struct.Struct(">IHB")
_FROM_SENDER = 0
_BEGAN_S = 1000.0
# NAL unit types: slices, slices of key frames, types left out of `pictures`
_CODED = {
    "h264": (frozenset(range(1, 6)), frozenset({5}), frozenset({7, 8, 9})),
    "h265": (frozenset(range(32)), frozenset(range(16, 22)), frozenset({32, 33, 34, 35})),
}
_DELIMITERS = frozenset({9, 35})


@dataclass(frozen=True)
class Film:
    """An elementary stream, extracted by ffmpeg from the file that the sender sent.

    `pictures`: the NAL units of each frame in sending order, without parameter sets and delimiters; `slices`: only the
    slices of each frame; `sets`: all parameter sets.
    """

    file: Path
    pictures: tuple[tuple[bytes, ...], ...]
    slices: tuple[tuple[bytes, ...], ...]
    keys: frozenset[int]
    sets: frozenset[bytes]


@lru_cache
def film(name: str) -> Film:
    """Read a file like `slices.h264`. A frame begins with the units that precede its first slice."""
    head = 1 if name.endswith(".h264") else 2
    coded, keys, left_out = _CODED[name.rpartition(".")[2]]

    def kind_of(nal: bytes) -> int:
        return nal[0] & 0x1F if head == 1 else nal[0] >> 1 & 0x3F

    pictures: list[list[bytes]] = []
    leading: list[bytes] = []
    found_keys: set[int] = set()
    sets: set[bytes] = set()
    for nal in re.split(rb"\x00\x00\x00?\x01", (FOLDER / name).read_bytes())[1:]:
        kind = kind_of(nal)
        if kind in coded:
            if nal[head] & 0x80:  # first_mb_in_slice is 0, first_slice_segment_in_pic_flag is set
                pictures.append([])
            pictures[-1] += [*leading, nal]
            leading = []
            if kind in keys:
                found_keys.add(len(pictures) - 1)
        elif kind not in left_out:
            leading.append(nal)
        elif kind not in _DELIMITERS:
            sets.add(nal)
    slices = (tuple(nal for nal in picture if kind_of(nal) in coded) for picture in pictures)
    return Film(FOLDER / name, tuple(map(tuple, pictures)), tuple(slices), frozenset(found_keys), frozenset(sets))


def sound(name: str) -> list[bytes]:
    """Return the AAC frames of a file (ADTS: ISO/IEC 13818-7 section 6.2), or all of a G.711 file."""
    data = (FOLDER / name).read_bytes()
    if not name.endswith(".aac"):
        return [data]
    frames = []
    while data:
        length = int.from_bytes(data[3:6]) >> 5 & 0x1FFF
        frames.append(data[7:length])
        data = data[length:]
    return frames


def decoded_sums(file: Path) -> list[str]:
    """Return the checksum of each video and audio frame that ffmpeg decodes. Fail on any message of ffmpeg."""
    command = [str(find_ffmpeg()), "-v", "warning", "-xerror", "-i", str(file), "-fps_mode", "passthrough"]
    run = subprocess.run([*command, "-f", "framemd5", "-"], capture_output=True, text=True, check=True)
    assert not run.stderr
    return [line.split(",")[5].strip() for line in run.stdout.splitlines() if not line.startswith("#")]


@dataclass(frozen=True)
class Recording:
    """`video` and `audio` come from the sender's SDP; `batches`: packets that arrived together, in order.

    `reports`: (number of batches before the report, track, report).
    """

    video: VideoTrack
    audio: AudioTrack | None
    batches: tuple[tuple[RtpPacket, ...], ...]
    reports: tuple[tuple[int, int, SenderReport], ...]


def recording(name: str) -> Recording:
    """Read a recording with the app's own parser, in the pieces in which it arrived. Each call makes new packets."""
    data, position = (FOLDER / f"{name}.rtsp").read_bytes(), 0
    splitter, described = Splitter(), SessionDescription("", None, None)
    batches: list[tuple[RtpPacket, ...]] = []
    reports: list[tuple[int, int, SenderReport]] = []
    while position < len(data):
        passed_us, length, whose = _RECORD.unpack_from(data, position)
        position += _RECORD.size
        piece, position = data[position : position + length], position + length
        if whose != _FROM_SENDER:
            continue
        splitter.free_space()[:length] = piece
        batch = []
        for unit in splitter.received(length):
            if isinstance(unit, tuple):
                channel, frame = unit  # SETUP put the tracks on channels 0 and 2, their RTCP on 1 and 3
                packet = None if channel % 2 else parse_rtp(frame, channel // 2, _BEGAN_S + passed_us / 1e6)
                if packet:
                    batch.append(packet)
                elif channel % 2 and (report := parse_rtcp(frame).report):
                    reports.append((len(batches), channel // 2, report))
            elif unit.body:
                described = parse_sdp(unit.body)
        if batch:
            batches.append(tuple(batch))
    assert described.video
    return Recording(described.video, described.audio, tuple(batches), tuple(reports))


def picture_numbers(packets: Sequence[RtpPacket]) -> list[int]:
    """Return the index of the frame that each packet belongs to, in sending order."""
    order = list(dict.fromkeys(packet.timestamp for packet in packets))
    return [order.index(packet.timestamp) for packet in packets]


def undamaged_frames(packets: Sequence[RtpPacket], order: Sequence[int]) -> set[int]:
    """Return the frames that must come out if the packets arrive in this order, some of them twice or not at all.

    The packets of such a frame arrive in sequence, directly after the last packet of the frame before: a packet lost
    there might be the beginning of this frame.
    """
    numbers, untouched = picture_numbers(packets), set()
    for number in set(numbers):
        first, last = numbers.index(number), len(numbers) - numbers[::-1].index(number)
        span = list(range(max(0, first - 1), last))
        at = order.index(span[0]) if span[0] in order else len(order)
        if list(order[at : at + len(span)]) == span and max(order[:at], default=-1) < span[0]:
            untouched.add(number)
    return untouched


class HandClock:
    def __init__(self) -> None:
        self.seconds = _BEGAN_S

    def now_utc(self) -> datetime:
        return datetime.fromtimestamp(1_800_000_000 + self.seconds, UTC)

    def monotonic_s(self) -> float:
        return self.seconds


@dataclass
class Viewer:
    """A consumer of the source that keeps its frames and makes fragments of them."""

    fragments: LiveFragments
    units: list[AccessUnit] = field(default_factory=list)
    heard: list[AccessUnit] = field(default_factory=list)
    is_over: bool = False

    @property
    def sets(self) -> tuple[bytes, ...]:
        """The parameter sets of the last key frame."""
        return next((unit.parameter_sets for unit in reversed(self.units) if unit.parameter_sets), ())

    def on_media(self, media: Sequence[Media]) -> None:
        for item in media:
            (self.units if item.track == VIDEO else self.heard).append(item)
        self.fragments.on_media(media)

    def on_end(self) -> None:
        self.is_over = True
        self.fragments.on_end()


def watched(
    take: Recording, sink: FragmentSink, *, joining_at: int = 0, delivery: Delivery = Delivery.STREAM
) -> list[Viewer]:
    """Send a recording through the shared source to a viewer, and to a new one each time the source ends the last one.

    `joining_at`: the number of batches before the first viewer joins.
    """
    clock = HandClock()
    source = SharedSource(clock, WallClock(clock), name="recorded", timeout_s=10.0)
    source.on_description(take.video, take.audio, delivery)
    source.on_opened(10.0)
    viewers: list[Viewer] = []
    reports = list(take.reports)
    for number, batch in enumerate(take.batches):
        while reports and reports[0][0] <= number:
            source.on_report(*reports.pop(0)[1:])
        if number >= joining_at and (not viewers or viewers[-1].is_over):
            viewers.append(_viewer(source, take, sink))
            source.attach(viewers[-1])
        while clock.seconds + 0.5 <= batch[0].arrived_s:
            clock.seconds += 0.5
            source.on_tick()
        source.on_packets(list(batch))
    clock.seconds = take.batches[-1][0].arrived_s + 1.0
    source.on_tick()  # a last frame may wait for the packet after its marker
    return viewers


def _viewer(source: SharedSource, take: Recording, sink: FragmentSink) -> Viewer:
    fragments = LiveFragments(source, take.video.codec, sink)
    fragments.enable_audio()
    return Viewer(fragments)
