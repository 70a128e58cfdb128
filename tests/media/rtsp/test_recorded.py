"""Recordings of foreign senders, from the bytes of the connection to frames that ffmpeg decodes.

The reference is the stream that ffmpeg extracts from the file that the sender read: every unit must equal one of its
units bit by bit.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from media.codecs.video import ParameterSets
from media.rtsp.client.rtp import VIDEO, Delivery, RtpPacket
from tests.media.fmp4.player import Player, times
from tests.media.recording import (
    Film,
    Recording,
    Viewer,
    decoded_sums,
    film,
    picture_numbers,
    recording,
    sound,
    undamaged_frames,
    watched,
)

FILMS = {
    "gstreamer-single-units": "slices.h264",
    "gstreamer-sets-in-sdp-only": "b-frames.h264",
    "gstreamer-aggregates": "slices.h264",
    "gstreamer-h265": "plain.h265",
    "ffmpeg-h264": "slices.h264",
    "ffmpeg-h265": "plain.h265",
}
SOUNDS = {
    "gstreamer-aggregates": "slices.alaw",
    "gstreamer-h265": "plain.aac",
    "ffmpeg-h264": "slices.aac",
    "ffmpeg-h265": "plain.mulaw",
}
IN_BAND = ("gstreamer-single-units", "gstreamer-aggregates", "gstreamer-h265")
DELIMITER = b"\x00\x00\x00\x01\x09"
SINGLE, AGGREGATE, FRAGMENT = "single", "aggregate", "fragment"
every_session = pytest.mark.parametrize("name", FILMS)


def video_packets(take: Recording) -> list[RtpPacket]:
    return [packet for batch in take.batches for packet in batch if packet.track == VIDEO]


def kinds(take: Recording) -> set[str]:
    """Return the packet types of the video (RFC 6184 section 5.2, RFC 7798 section 4.4)."""
    aggregate, fragment = (24, 28) if take.video.codec.name == "h264" else (48, 49)
    numbers = {unit_kind(take, packet.payload) for packet in video_packets(take)}
    named = {aggregate: AGGREGATE, fragment: FRAGMENT}
    return {named.get(number, SINGLE) for number in numbers}


def unit_kind(take: Recording, payload: bytes) -> int:
    return payload[0] & 0x1F if take.video.codec.name == "h264" else payload[0] >> 1 & 0x3F


def changed(take: Recording, change: Callable[[list[RtpPacket]], list[RtpPacket]]) -> Recording:
    """Return the recording with changed video packets and without audio; each packet is a batch, so that batches have
    no influence.
    """
    batches = tuple((packet,) for packet in change(video_packets(take)))
    return replace(take, audio=None, batches=batches, reports=())


def without_sets_in_band(take: Recording) -> Recording:
    """Remove the parameter sets from the packets, and renumber these so that no loss shows."""
    is_set = {7, 8} if take.video.codec.name == "h264" else {32, 33, 34}

    def change(packets: list[RtpPacket]) -> list[RtpPacket]:
        kept: list[RtpPacket] = []
        for packet in packets:
            payload = packet.payload
            if unit_kind(take, payload) in {24, 48}:
                payload = _without_units(take, payload, is_set)
            if payload and unit_kind(take, payload) not in is_set:
                kept.append(replace(packet, payload=payload, sequence=len(kept)))
        return kept

    return changed(take, change)


def _without_units(take: Recording, payload: bytes, out: set[int]) -> bytes:
    """Return an aggregate without the units of these types; empty if no unit is left."""
    position = head = 1 if take.video.codec.name == "h264" else 2
    kept = b""
    while position < len(payload):
        stop = position + 2 + int.from_bytes(payload[position : position + 2])
        if unit_kind(take, payload[position + 2 : stop]) not in out:
            kept += payload[position:stop]
        position = stop
    return payload[:head] + kept if kept else b""


def with_sdp_sets(take: Recording, sets: ParameterSets) -> Recording:
    """Return the recording with these parameter sets in its SDP."""
    return replace(take, video=replace(take.video, sets=sets))


def beginning(nal: bytes, packets: Sequence[RtpPacket]) -> int:
    """Return the index of the packet in which this unit begins; fragments omit the unit's header."""
    [at] = [at for at, packet in enumerate(packets) if nal[2:40] in packet.payload]
    return at


def assert_decodes_as(player: Player, wanted: Sequence[str], tmp_path: Path) -> None:
    made = tmp_path / "made.mp4"
    made.write_bytes(player.film())
    assert decoded_sums(made) == list(wanted)


def frame_numbers(viewers: Sequence[Viewer], reference: Film) -> list[int]:
    """Return the index of the film's frame for each unit. Fail if a unit equals none of them bit by bit.

    A late viewer may have missed the SEI message before the first frame, so that frame may lack it.
    """
    assert len(set(reference.pictures)) == len(reference.pictures)
    found: list[int] = []
    for viewer in viewers:
        for unit in viewer.units:
            known = reference.slices if not found and unit.parts in reference.slices else reference.pictures
            assert unit.parts in known, "a unit that is no picture of the film"
            found.append(known.index(unit.parts))
            assert unit.is_key == (found[-1] in reference.keys)
    return found


def test_the_recordings_include_every_packet_type() -> None:
    found = {name: kinds(recording(name)) for name in FILMS}
    assert found == {
        "gstreamer-single-units": {SINGLE, FRAGMENT},
        "gstreamer-sets-in-sdp-only": {SINGLE, FRAGMENT},
        "gstreamer-aggregates": {SINGLE, AGGREGATE, FRAGMENT},
        "gstreamer-h265": {AGGREGATE, FRAGMENT},
        "ffmpeg-h264": {SINGLE, AGGREGATE, FRAGMENT},
        "ffmpeg-h265": {SINGLE, AGGREGATE, FRAGMENT},
    }


@every_session
def test_every_recorded_frame_comes_out_bit_by_bit(name: str, tmp_path: Path) -> None:
    reference, player = film(FILMS[name]), Player()
    viewers = watched(recording(name), player)
    assert frame_numbers(viewers, reference) == list(range(len(reference.pictures)))
    assert set(viewers[0].sets) == reference.sets
    assert_decodes_as(player, decoded_sums(reference.file), tmp_path)
    for (at, duration), (following, _) in pairwise(times(player.fragments)):
        assert at + duration == following


@pytest.mark.parametrize("name", SOUNDS)
def test_the_audio_equals_the_extracted_one(name: str, tmp_path: Path) -> None:
    player = Player()
    [viewer] = watched(recording(name), player)
    heard, sent = [unit.parts[0] for unit in viewer.heard], sound(SOUNDS[name])
    if SOUNDS[name].endswith(".aac"):
        first = sent.index(heard[0])
        assert heard == sent[first : first + len(heard)]
    assert b"".join(heard) in b"".join(sent)
    assert sum(map(len, heard)) > 0.9 * sum(map(len, sent))
    made = tmp_path / "made.mp4"
    made.write_bytes(player.film(with_sound=True))
    assert len(decoded_sums(made)) > len(viewer.units) + 10, "pictures and sound"


@every_session
def test_a_late_viewer_begins_with_the_next_complete_key_frame(name: str) -> None:
    """Tried for each packet as the first one that the viewer receives."""
    reference, whole = film(FILMS[name]), video_packets(recording(name))
    begins = {key: beginning(reference.slices[key][0], whole) for key in reference.keys}
    for first in range(1, len(whole)):
        player, late = Player(), changed(recording(name), list)
        found = frame_numbers(watched(replace(late, batches=late.batches[first:]), player), reference)
        keys = [key for key in reference.keys if begins[key] >= first]
        assert found == list(range(min(keys), len(reference.pictures)) if keys else [])
        assert len(player.fragments) == len(found)


@every_session
def test_a_viewer_that_joins_in_mid_frame_begins_with_a_key_frame(name: str) -> None:
    reference, take = film(FILMS[name]), changed(recording(name), list)
    whole = video_packets(take)
    numbers = picture_numbers(whole)
    begins = {key: beginning(reference.slices[key][0], whole) for key in reference.keys}
    for at in range(1, len(whole)):
        found = frame_numbers(watched(take, Player(), joining_at=at), reference)
        assert found == list(range(found[0], len(reference.pictures)))
        whole_keys = [key for key in reference.keys if numbers.count(key) + begins[key] < at]
        assert found[0] in {
            max(whole_keys, default=0),
            max((key for key in reference.keys if begins[key] < at), default=0),
        }


@every_session
@pytest.mark.parametrize("seed", range(8))
def test_only_frames_with_lost_packets_are_missing(name: str, seed: int) -> None:
    whole = video_packets(recording(name))
    lost = random.Random(seed).sample(range(len(whole)), 3)
    assert_exact_or_absent(name, [at for at in range(len(whole)) if at not in lost])


@every_session
@pytest.mark.parametrize("seed", range(4))
def test_duplicate_packets_are_used_once(name: str, seed: int) -> None:
    reference, whole = film(FILMS[name]), video_packets(recording(name))
    twice = random.Random(seed).sample(range(len(whole)), 5)
    found = assert_exact_or_absent(name, sorted([*range(len(whole)), *twice]))
    assert found == list(range(len(reference.pictures)))


@every_session
@pytest.mark.parametrize("seed", range(8))
def test_reordered_packets_make_no_wrong_frames(name: str, seed: int) -> None:
    whole, rng = video_packets(recording(name)), random.Random(seed)
    late = rng.sample(range(len(whole)), 3)
    assert_exact_or_absent(name, sorted(range(len(whole)), key=lambda at: at + (at in late) * rng.uniform(1.0, 4.0)))


def assert_exact_or_absent(name: str, order: list[int]) -> list[int]:
    """Play the packets in this order, some of them twice or not at all; return the indexes of the frames that come out.

    Assert that these are in order, and that no undamaged frame after the first undamaged key frame is missing.
    """
    reference, take = film(FILMS[name]), changed(recording(name), list)
    found = frame_numbers(
        watched(
            replace(take, batches=tuple((replace(take.batches[at][0]),) for at in order)),
            Player(),
            delivery=Delivery.DATAGRAMS,
        ),
        reference,
    )
    assert found == sorted(set(found))
    undamaged = undamaged_frames(video_packets(take), order)
    begins = min(reference.keys & undamaged, default=len(reference.pictures))
    assert set(found) >= {number for number in undamaged if number >= begins}
    return found


@every_session
@pytest.mark.parametrize("jump_s", [-3600, 3, 3600, 23860])
def test_a_timestamp_jump_is_bridged(name: str, jump_s: int, tmp_path: Path) -> None:
    reference, player = film(FILMS[name]), Player()
    # A jump between reordered B-frames would change their display order, so it lies at another frame there.
    first = 10 if name == "gstreamer-sets-in-sdp-only" else 12

    def change(packets: list[RtpPacket]) -> list[RtpPacket]:
        jumps = [jump_s * 90_000 if number >= first else 0 for number in picture_numbers(packets)]
        return [
            replace(packet, timestamp=(packet.timestamp + jump) & 0xFFFF_FFFF)
            for packet, jump in zip(packets, jumps, strict=True)
        ]

    assert frame_numbers(watched(changed(recording(name), change), player), reference) == list(
        range(len(reference.pictures))
    )
    assert_decodes_as(player, decoded_sums(reference.file), tmp_path)
    for (at, duration), (following, _) in pairwise(times(player.fragments)):
        assert at + duration == following
    assert player.fragments[-1].start_s < len(reference.pictures) / 10 + 1.0


@pytest.mark.parametrize("name", IN_BAND)
def test_parameter_sets_only_in_band_are_enough(name: str, tmp_path: Path) -> None:
    reference, player = film(FILMS[name]), Player()
    viewers = watched(with_sdp_sets(recording(name), {}), player)
    assert frame_numbers(viewers, reference) == list(range(len(reference.pictures)))
    assert set(viewers[0].sets) == reference.sets
    assert_decodes_as(player, decoded_sums(reference.file), tmp_path)


@every_session
def test_parameter_sets_only_in_the_sdp_are_enough(name: str, tmp_path: Path) -> None:
    reference, player = film(FILMS[name]), Player()
    take = without_sets_in_band(recording(name))
    assert not set(reference.sets) & {packet.payload for packet in video_packets(take)}
    viewers = watched(take, player)
    assert frame_numbers(viewers, reference) == list(range(len(reference.pictures)))
    assert_decodes_as(player, decoded_sums(reference.file), tmp_path)


@every_session
def test_frames_without_parameter_sets_are_not_shown(name: str) -> None:
    player = Player()
    watched(with_sdp_sets(without_sets_in_band(recording(name)), {}), player)
    assert (player.inits, player.fragments) == ([], [])


def test_a_new_frame_size_ends_the_viewer_and_starts_the_next(tmp_path: Path) -> None:
    reference, player = film("other-size.h264"), Player()
    first, second = watched(recording("ffmpeg-other-size"), player)
    assert frame_numbers([first], reference) == list(range(10))
    assert frame_numbers([second], reference) == list(range(10, 30))
    assert player.is_over
    assert [(init.video.width, init.video.height) for init in player.inits] == [(160, 96), (224, 128)]
    pictures = reference.file.read_bytes().split(DELIMITER)[1:]
    for init, span in zip(player.inits, (slice(0, 10), slice(10, 30)), strict=True):
        sent = tmp_path / "sent.h264"
        sent.write_bytes(b"".join(DELIMITER + picture for picture in pictures[span]))
        assert_decodes_as(Player([init], player.fragments[span]), decoded_sums(sent), tmp_path)
