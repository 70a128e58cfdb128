"""The channel of each recording, where the device names none: by the only channel, by numbers, by order."""

from __future__ import annotations

import pytest

from core.recordings import DeviceRecording
from core.records import Channel, MediaProfile
from recordings.matching import Match, MatchedBy, match_channels

GUIDS = ("5f3a1b2c-1111-2222-3333-444455556666", "6f3a1b2c-1111-2222-3333-444455556677")


def channels(count: int) -> list[Channel]:
    return [Channel(number, f"Place {number}", f"token-{number}") for number in range(1, count + 1)]


def matches(recordings: list[tuple[str, str, str]], count: int) -> list[Match]:
    """Return the match of each recording: token, source id and name."""
    found = match_channels([DeviceRecording(*texts) for texts in recordings], channels(count))
    return [found[token] for token, _, _ in recordings]


@pytest.mark.parametrize(
    ("recordings", "count", "numbers", "by"),
    [
        # One channel: every recording is its own, whatever it is called.
        ([("20261122_1", "", ""), ("x", "other", "?"), ("y", "", "")], 1, [1, 1, 1], MatchedBy.ONLY_CHANNEL),
        # The number decides, not the order in the list.
        ([("Rec_2", "Src_2", "Cam 2"), ("Rec_1", "Src_1", "Cam 1")], 2, [2, 1], MatchedBy.NUMBER),
        ([("Rec_2", "", ""), ("Rec_1", "", "")], 2, [2, 1], MatchedBy.NUMBER),
        ([("a", "", "IPC2"), ("b", "", "IPC1")], 2, [2, 1], MatchedBy.NUMBER),
        # Fewer recordings than channels.
        ([("Recording3", "", "")], 4, [3], MatchedBy.NUMBER),
        ([("Recording04", "Source04", ""), ("Recording02", "Source02", "")], 8, [4, 2], MatchedBy.NUMBER),
        # Several recordings of a channel.
        ([("Rec_1_a", "S 1", ""), ("Rec_1_b", "S 1", ""), ("Rec_2_a", "S 2", "")], 4, [1, 1, 2], MatchedBy.NUMBER),
        # Counted from 0.
        ([("000", "", ""), ("001", "", ""), ("002", "", "")], 4, [1, 2, 3], MatchedBy.NUMBER),
        ([("R1", "S1", ""), ("R0", "S0", "")], 4, [2, 1], MatchedBy.NUMBER),
        # A number that all recordings have is no channel.
        ([("v1_rec_2", "v1_src_2", ""), ("v1_rec_3", "v1_src_3", "")], 4, [2, 3], MatchedBy.NUMBER),
        # Numbers of GUIDs, addresses and codecs do not count.
        ([(GUIDS[0], "10.0.0.1", "H.264"), (GUIDS[1], "10.0.0.2", "H.265")], 2, [1, 2], MatchedBy.ORDER),
        # A number for every recording is no channel.
        ([(f"R{at}", "", "") for at in range(1, 7)], 4, [None] * 6, MatchedBy.NOTHING),
        # Texts that contradict each other.
        ([("R1", "S2", ""), ("R2", "S1", ""), ("R3", "S7", "")], 4, [None] * 3, MatchedBy.NOTHING),
        ([("a", "", ""), ("b", "", "")], 4, [None, None], MatchedBy.NOTHING),
        ([("a", "", ""), ("b", "", "")], 2, [1, 2], MatchedBy.ORDER),
    ],
)
def test_a_channel_is_found_without_a_source(
    recordings: list[tuple[str, str, str]], count: int, numbers: list[int | None], by: MatchedBy
) -> None:
    assert matches(recordings, count) == [Match(number, by) for number in numbers]


def test_a_named_source_is_better_than_a_number() -> None:
    found = matches([("Rec_1", "token-2", ""), ("Rec_2", "", "Place 1"), ("Rec_3", "", "")], 3)
    assert [(match.channel, match.by) for match in found] == [
        (2, MatchedBy.VIDEO_SOURCE),
        (1, MatchedBy.NAME),
        (3, MatchedBy.NUMBER),
    ]


def test_a_guess_grants_no_access() -> None:
    assert [by for by in MatchedBy if by.is_sure] == [MatchedBy.SERVER, MatchedBy.JOB, MatchedBy.VIDEO_SOURCE]


def test_a_recording_named_after_a_media_profile_is_its_channels() -> None:
    """Dahua's way. The tokens' own numbers are no channels, and one channel has no recording."""
    profiles = [MediaProfile(f"MediaProfile{number:03}00", "", "", None) for number in range(4)]
    known = [Channel(at + 1, f"Place {at}", f"source{at}", (profile,)) for at, profile in enumerate(profiles)]
    listed = [DeviceRecording(f"RecordMediaProfile{number:03}00", "", "") for number in (3, 0, 1)]
    found = match_channels(listed, known)
    assert [found[item.recording_token] for item in listed] == [Match(at, MatchedBy.NUMBER) for at in (4, 1, 2)]
