"""The same frames and samples come out of every packing, with wrong descriptions and wrong time stamps, too."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.records import AudioFormat
from media.codecs import aac, flac
from media.codecs.access_unit import AccessUnit
from media.codecs.g711 import TrackLaw
from media.codecs.latm import read_element, read_mux_config
from media.fmp4.audio import audio_track_builder
from media.fmp4.writer import fragment, init_section
from media.rtsp.client.audio_depacketizing import AudioDepacketizer
from media.rtsp.client.rtp import AUDIO, RtpPacket
from media.rtsp.client.sdp import AudioTrack, parse_sdp
from tests.media.sounds import (
    aac_frames,
    adts_stream,
    latm_elements,
    opus_packets,
    samples_of_adts,
    samples_of_mp4,
)
from tests.patience import promised

USUAL = "sizelength=13;indexlength=3;indexdeltalength=3"
MONO_16K = "1408"
Payloads = list[bytes]


def track(rtpmap: str, fmtp: str = "") -> AudioTrack:
    text = f"m=video 0 RTP/AVP 96\nm=audio 0 RTP/AVP 97\na=rtpmap:97 {rtpmap}\n"
    found = parse_sdp((text + (f"a=fmtp:97 {fmtp}\n" if fmtp else "")).encode()).audio
    assert found
    return found


def packet(payload: bytes, timestamp: int, arrived_s: float = 0.0, *, marker: bool = True) -> RtpPacket:
    return RtpPacket(AUDIO, 97, marker, 0, timestamp & 0xFFFF_FFFF, payload, b"", arrived_s)


def taken(
    announced: AudioTrack, payloads: Sequence[bytes], step: int = 1024, pace_s: float = 0.064
) -> tuple[AudioDepacketizer, list[AccessUnit]]:
    """Send each payload as a packet; time stamps step by `step`, arrivals by `pace_s`."""
    depacketizer = AudioDepacketizer(announced)
    units: list[AccessUnit] = []
    for index, payload in enumerate(payloads):
        units += depacketizer.push([packet(payload, 5000 + index * step, index * pace_s)])
    return depacketizer, units


def with_headers(frames: Sequence[bytes], size_bits: int = 13, index_bits: int = 3) -> bytes:
    """Return a payload with AU headers (RFC 3640 section 3.2)."""
    width = size_bits + index_bits
    bits = "".join(f"{len(frame) << index_bits:0{width}b}" for frame in frames)
    padded = bits + "0" * (-len(bits) % 8)
    return len(bits).to_bytes(2, "big") + int(padded, 2).to_bytes(len(padded) // 8, "big") + b"".join(frames)


def usual(frames: Sequence[bytes]) -> Payloads:
    return [with_headers([frame]) for frame in frames]


def played(depacketizer: AudioDepacketizer, units: Sequence[AccessUnit]) -> bytes:
    """Return the samples that a browser would get, by way of a fragment."""
    builder = audio_track_builder(depacketizer.track.format, depacketizer.track.config)
    assert builder
    for unit in units:
        builder.add(unit, 0.0, None)
    run = builder.take_run(0.0, 0.0)
    assert run
    return samples_of_mp4(init_section([builder.track]) + fragment(1, [run]))


def mux_config(rate_index: int = 8, channels: int = 1) -> str:
    """Return a StreamMuxConfig of AAC-LC in hex: one programme, one layer, one frame for each element."""
    bits = "0" + "1" + "000000" + "0000" + "000" + f"{2:05b}{rate_index:04b}{channels:04b}" + "000"
    bits += "000" + "1" * 8 + "0" + "0"
    bits += "0" * (-len(bits) % 8)
    return f"{int(bits, 2):0{len(bits) // 4}x}"


def plain_element(frame: bytes) -> bytes:
    return b"\xff" * (len(frame) // 255) + bytes([len(frame) % 255]) + frame


GENERIC, LATM = "MPEG4-GENERIC/16000/1", "MP4A-LATM/16000/1"
PACKINGS: dict[str, tuple[str, str, Callable[[], Payloads]]] = {
    "as described": (GENERIC, f"mode=AAC-hbr;{USUAL};config={MONO_16K}", lambda: usual(aac_frames())),
    "lengths not described": (GENERIC, f"config={MONO_16K}", lambda: usual(aac_frames())),
    "other lengths described": (
        GENERIC,
        f"mode=AAC-hbr;sizelength=6;indexlength=2;indexdeltalength=2;config={MONO_16K}",
        lambda: usual(aac_frames()),
    ),
    "sizes of 16 bits described": (
        GENERIC,
        f"mode=AAC-hbr;sizelength=16;indexlength=0;indexdeltalength=0;config={MONO_16K}",
        lambda: usual(aac_frames()),
    ),
    "sizes of 16 bits": (
        GENERIC,
        f"mode=AAC-hbr;{USUAL};config={MONO_16K}",
        lambda: [with_headers([frame], 16, 0) for frame in aac_frames()],
    ),
    "padded to 16 bytes": (
        GENERIC,
        f"mode=AAC-hbr;{USUAL};config={MONO_16K}",
        lambda: [payload + bytes(16 - len(payload) % 16) for payload in usual(aac_frames())],
    ),
    "headers counted in bytes": (
        GENERIC,
        f"mode=AAC-hbr;{USUAL};config={MONO_16K}",
        lambda: [b"\0\2" + payload[2:] for payload in usual(aac_frames())],
    ),
    "lengths in quotes": (
        GENERIC,
        f'sizelength="13";indexlength="3";indexdeltalength="3";config="{MONO_16K}"',
        lambda: usual(aac_frames()),
    ),
    "no configuration": (GENERIC, f"mode=AAC-hbr;{USUAL}", lambda: usual(aac_frames())),
    "nothing described": ("MPEG4-GENERIC/16000", "", lambda: usual(aac_frames())),
    "stereo described": (GENERIC, f"mode=AAC-hbr;{USUAL};config=1410", lambda: usual(aac_frames())),
    "another rate described": (GENERIC, f"mode=AAC-hbr;{USUAL};config=1188", lambda: usual(aac_frames())),
    "sizes larger by one": (
        GENERIC,
        f"mode=AAC-hbr;{USUAL};config={MONO_16K}",
        lambda: [
            payload[:2] + (int.from_bytes(payload[2:4]) + 8).to_bytes(2) + payload[4:]
            for payload in usual(aac_frames())
        ],
    ),
    "sizes of 0": (
        GENERIC,
        f"mode=AAC-hbr;{USUAL};config={MONO_16K}",
        lambda: [payload[:2] + b"\0\0" + payload[4:] for payload in usual(aac_frames())],
    ),
    "LATM with a sync word, described as generic": (
        GENERIC,
        f"mode=AAC-hbr;{USUAL};config=1188",
        lambda: [(0x56E000 | len(item)).to_bytes(3, "big") + item for item in latm_elements()],
    ),
    "ADTS alone": (GENERIC, f"mode=AAC-hbr;{USUAL};config=1188", lambda: list(adts_stream())),
    "ADTS behind AU headers": (GENERIC, f"mode=AAC-hbr;{USUAL};config=1188", lambda: usual(adts_stream())),
    "no AU headers": (GENERIC, f"mode=AAC-hbr;{USUAL};config={MONO_16K}", aac_frames),
    "LATM, described": (
        LATM,
        f"cpresent=0;object=2;config={mux_config()}",
        lambda: [plain_element(frame) for frame in aac_frames()],
    ),
    "LATM, described as in band": (
        LATM,
        f"cpresent=1;config={mux_config()}",
        lambda: [plain_element(frame) for frame in aac_frames()],
    ),
    "LATM, described by GStreamer": (  # with a note that there is no SBR, and without its end
        LATM,
        "cpresent=0;config=40002810ADCA",
        lambda: [plain_element(frame) for frame in aac_frames()],
    ),
    "LATM, in band": (LATM, "cpresent=1", lambda: list(latm_elements())),
    "LATM, described as not in band": (LATM, f"cpresent=0;config={mux_config()}", lambda: list(latm_elements())),
    "LATM with a sync word": (
        LATM,
        "cpresent=1",
        lambda: [(0x56E000 | len(item)).to_bytes(3, "big") + item for item in latm_elements()],
    ),
}


@pytest.mark.parametrize("name", PACKINGS)
def test_each_packing_of_aac_gives_the_same_frames_and_samples(name: str) -> None:
    rtpmap, fmtp, payloads = PACKINGS[name]
    depacketizer, units = taken(track(rtpmap, fmtp), payloads())
    assert [unit.parts[0] for unit in units] == aac_frames()
    assert depacketizer.track.format == AudioFormat("aac", 16_000, 1)
    assert depacketizer.track.config.hex() == MONO_16K
    assert [after.ticks - before.ticks for before, after in pairwise(units)] == [1024] * (len(units) - 1)
    assert {unit.clock_rate for unit in units} == {16_000}
    assert played(depacketizer, units) == samples_of_adts(adts_stream())


def test_a_true_description_is_believed_beside_a_clock_of_another_rate() -> None:
    announced = track("MPEG4-GENERIC/90000", f"mode=AAC-hbr;{USUAL};config={MONO_16K}")
    depacketizer, units = taken(announced, usual(aac_frames()), step=5760)
    assert depacketizer.track.format.sample_rate == 16_000
    assert [after.ticks - before.ticks for before, after in pairwise(units)] == [1024] * (len(units) - 1)


def test_between_two_possible_rates_the_pace_of_arrival_decides() -> None:
    announced = track("MPEG4-GENERIC/48000", f"mode=AAC-hbr;{USUAL};config={MONO_16K}")
    assert taken(announced, usual(aac_frames()))[0].track.format.sample_rate == 16_000
    fast = taken(announced, usual(aac_frames(48_000)), pace_s=1024 / 48_000)[0]
    assert fast.track.format.sample_rate == 48_000


@pytest.mark.parametrize("rate", [16_000, 48_000])
@pytest.mark.parametrize("stalled_at", [0, 1, 9, 30])
def test_the_rate_is_found_although_packets_arrive_in_bursts(rate: int, stalled_at: int) -> None:
    """A busy machine takes several packets together, and takes none for half a second."""
    length_s, stated = 1024 / rate, 64_000 - rate
    other = f"{aac.make_config(stated, 1).hex()}"
    depacketizer = AudioDepacketizer(track(f"MPEG4-GENERIC/{rate}", f"mode=AAC-hbr;{USUAL};config={other}"))
    begins_s, ends_s = stalled_at * length_s, stalled_at * length_s + 0.5
    for index, payload in enumerate(usual(aac_frames(rate) * 2)):
        taken_s = (index // 4 + 1) * 4 * length_s
        arrived_s = ends_s if begins_s <= taken_s < ends_s else taken_s
        depacketizer.push([packet(payload, index * 1024, arrived_s + index * 1e-5)])
    assert depacketizer.is_settled
    assert depacketizer.track.format.sample_rate == rate


def test_g711_of_the_other_law_becomes_the_described_one() -> None:
    """The device describes mu-law (0) and sends packets of A-law (8): near silence of A-law, as mu-law."""
    announced = parse_sdp(b"m=video 0 RTP/AVP 96\nm=audio 0 RTP/AVP 0\n").audio
    assert announced
    depacketizer = AudioDepacketizer(announced)
    sent = replace(packet(b"\xd5\x55\xd5\x55" * 40, 0), payload_type=8)
    [unit] = depacketizer.push([sent])
    assert set(unit.parts[0]) <= set(b"\xff\xfe\x7f\x7e")
    alaw_by_name = parse_sdp(b"m=video 0 RTP/AVP 96\nm=audio 0 RTP/AVP 0\na=rtpmap:0 PCMA/8000\n").audio
    assert alaw_by_name
    [unit] = AudioDepacketizer(alaw_by_name).push([replace(sent, payload_type=0)])
    assert unit.parts[0] == sent.payload, "the type is the described one"
    assert depacketizer.track.format.codec == "pcm_mulaw"


def test_the_next_session_describes_g711_by_its_true_law() -> None:
    announced = replace(track("PCMU/8000"), law=TrackLaw("pcm_mulaw"))
    quiet_alaw = bytes((0xD5, 0x55, 0xD4, 0x54, 0xD7, 0x57) * 40)
    first = AudioDepacketizer(announced)
    units = [unit for at in range(100) for unit in first.push([packet(quiet_alaw, 240 * at)])]
    assert [unit.is_converted for unit in units][:: len(units) - 1] == [False, True]
    assert first.track.format.codec == "pcm_mulaw", "the present session goes on as it has begun"
    second = AudioDepacketizer(announced)
    [unit] = second.push([packet(quiet_alaw, 0)])
    assert (second.track.format.codec, second.track.encoding) == ("pcm_alaw", "PCMA/8000")
    assert (unit.parts, unit.is_converted) == ((quiet_alaw,), False)


def test_several_frames_in_a_packet_follow_each_other() -> None:
    frames = aac_frames()[:24]
    payloads = [with_headers(frames[at : at + 3]) for at in range(0, 24, 3)]
    _, units = taken(track(GENERIC, f"mode=AAC-hbr;{USUAL};config={MONO_16K}"), payloads, step=3072)
    assert [unit.parts[0] for unit in units] == frames
    assert [unit.ticks for unit in units] == [5000 + 1024 * at for at in range(24)]


def test_several_frames_with_sizes_that_are_too_large_are_told_apart() -> None:
    frames = aac_frames()[:24]
    payloads = []
    for at in range(0, 24, 3):
        payload = bytearray(with_headers(frames[at : at + 3]))
        for place in (2, 4, 6):  # each size is two bytes too large
            payload[place : place + 2] = (int.from_bytes(payload[place : place + 2]) + (2 << 3)).to_bytes(2)
        payloads.append(bytes(payload))
    _, units = taken(track(GENERIC, f"mode=AAC-hbr;{USUAL};config={MONO_16K}"), payloads, step=3072)
    assert [unit.parts[0] for unit in units] == frames


@pytest.mark.parametrize("kind", ["ADTS", "LATM", "headers"])
def test_a_frame_in_several_packets_is_joined(kind: str) -> None:
    if kind == "LATM":
        announced, whole = track(LATM, "cpresent=1"), list(latm_elements())
    elif kind == "ADTS":
        announced, whole = track(GENERIC, f"mode=AAC-hbr;{USUAL};config={MONO_16K}"), list(adts_stream())
    else:
        announced, whole = track(GENERIC, f"mode=AAC-hbr;{USUAL};config={MONO_16K}"), aac_frames()
    depacketizer, units = AudioDepacketizer(announced), []
    for index, data in enumerate(whole):
        middle = len(data) // 2
        head = b"\x00\x10" + (len(data) << 3).to_bytes(2, "big") if kind == "headers" else b""
        units += depacketizer.push([packet(head + data[:middle], index * 1024, marker=False)])
        units += depacketizer.push([packet(head + data[middle:], index * 1024)])
    assert [unit.parts[0] for unit in units] == aac_frames()


def test_bytes_that_are_no_aac_do_not_reach_a_decoder() -> None:
    """Encrypted audio, or another codec than described: the decoder of a browser would end the picture, too."""
    announced = track(GENERIC, f"mode=AAC-hbr;{USUAL};config={MONO_16K}")
    chance = random.Random(7)
    depacketizer, units = taken(announced, usual([chance.randbytes(200) for _ in range(400)]))
    assert depacketizer.is_undecodable
    assert len(units) < 10, "bytes can look like AAC by chance, at first"


@settings(max_examples=200, deadline=None)
@given(
    payloads=st.lists(st.binary(min_size=1, max_size=60), max_size=20),
    kind=st.sampled_from([(GENERIC, ""), (LATM, "cpresent=1"), (LATM, f"config={mux_config()}"), ("opus/48000/2", "")]),
)
def test_hostile_audio_causes_no_error_and_bounded_output(payloads: Payloads, kind: tuple[str, str]) -> None:
    _, units = taken(track(*kind), payloads)
    assert sum(len(unit.parts[0]) for unit in units) <= sum(map(len, payloads)) * 2


# -- time stamps -----------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [0, 5760, 1, 160], ids=["all the same", "90 kHz", "counted packets", "8 kHz"])
def test_time_stamps_that_do_not_count_samples_are_replaced(step: int) -> None:
    _, units = taken(track(GENERIC, f"mode=AAC-hbr;{USUAL};config={MONO_16K}"), usual(aac_frames()), step=step)
    assert [unit.ticks - units[0].ticks for unit in units] == [1024 * at for at in range(len(units))]


def test_g711_without_time_stamps_is_counted() -> None:
    depacketizer = AudioDepacketizer(track("PCMA/8000"))
    units = [unit for at in range(20) for unit in depacketizer.push([packet(bytes(320), 0, at * 0.04)])]
    assert [unit.ticks for unit in units] == [320 * at for at in range(20)]


@pytest.mark.parametrize(
    ("rtpmap", "payload", "step", "ticks"),
    [("G722/16000", bytes(160), 320, 160), ("G722/16000", bytes(160), 160, 160), ("opus/16000", b"\xf8\1", 320, 960)],
)
def test_a_wrong_clock_rate_makes_no_audio_longer(rtpmap: str, payload: bytes, step: int, ticks: int) -> None:
    """G.722 counts 8000 a second whatever its sampling rate, Opus 48000: 20 ms stay 20 ms."""
    depacketizer, units = taken(track(rtpmap), [payload] * 40, step=step, pace_s=0.02)
    assert [unit.ticks - units[0].ticks for unit in units] == [ticks * at for at in range(40)]
    assert ticks == 0.02 * depacketizer.track.clock_rate
    assert str(depacketizer.track.clock_rate) in depacketizer.track.encoding


def test_a_gap_that_true_time_stamps_show_stays() -> None:
    depacketizer = AudioDepacketizer(track("PCMA/8000"))
    stamps = [0, 320, 640, 8640, 8960]
    units = [unit for stamp in stamps for unit in depacketizer.push([packet(bytes(320), stamp, stamp / 8000)])]
    assert [unit.ticks for unit in units] == stamps


def test_a_gap_in_arrival_is_kept_where_time_stamps_stand_still() -> None:
    depacketizer = AudioDepacketizer(track("PCMA/8000"))
    arrivals = [0.0, 0.04, 0.08, 5.08, 5.12]
    units = [unit for arrived_s in arrivals for unit in depacketizer.push([packet(bytes(320), 0, arrived_s)])]
    assert [unit.ticks for unit in units] == [0, 320, 640, 40_640, 40_960]


# -- other codecs ----------------------------------------------------------------------------------


def test_pcm_and_g711_in_stereo_are_played_sample_for_sample() -> None:
    samples = [at * 97 % 60_000 - 30_000 for at in range(2 * 4410)]
    pcm = struct.pack(f">{len(samples)}h", *samples)
    payloads = [pcm[at : at + 1764] for at in range(0, len(pcm), 1764)]
    depacketizer, units = taken(track("L16/44100/2"), payloads, step=441)
    assert played(depacketizer, units) == struct.pack(f"<{len(samples)}h", *samples)
    codes = bytes(range(256)) * 4
    depacketizer, units = taken(track("PCMU/16000/2"), [codes], step=512)
    wanted = struct.unpack(">1024h", flac.pcm_of_g711("pcm_mulaw", codes))
    assert played(depacketizer, units) == struct.pack("<1024h", *wanted)


def test_opus_is_played() -> None:
    packets = list(opus_packets())
    depacketizer, units = taken(track("opus/48000/2"), packets, step=960, pace_s=0.02)
    assert [unit.parts[0] for unit in units] == packets
    assert len(played(depacketizer, units)) == 2 * 960 * len(packets)


@pytest.mark.parametrize(
    ("rtpmap", "name"),
    [("AMR/8000", "AMR"), ("G729/8000", "G.729"), ("DVI4/8000", "ADPCM (DVI4)"), ("speex/16000", "SPEEX")],
)
def test_audio_that_cannot_be_played_has_a_name(rtpmap: str, name: str) -> None:
    text = f"m=video 0 RTP/AVP 96\nm=audio 0 RTP/AVP 97\na=rtpmap:97 {rtpmap}\n"
    described = parse_sdp(text.encode())
    assert (described.audio, described.other_audio) == (None, name)


@pytest.mark.parametrize("rtpmap", ["G726-32/8000", "AAL2-G726-16/8000", "G722/8000"])
def test_audio_that_only_ffmpeg_reads_is_described_to_it_unchanged(rtpmap: str) -> None:
    announced = track(rtpmap)
    assert announced.encoding == rtpmap
    assert not AudioDepacketizer.can_carry(announced)


def test_a_size_without_an_end_is_read_in_bounded_time() -> None:
    """LATM writes a size as a chain of bytes of 255, and each step copies the element."""
    known = read_mux_config(bytes.fromhex(mux_config()))
    assert known
    with promised(2):
        assert read_element(b"\xff" * 4_000_000, known) is None
