"""The channel that an event is about."""

from __future__ import annotations

import pytest

from core.records import Channel, MediaProfile, ProfileRole
from events.channels import channel_of_event


def _channels(*tokens: str) -> list[Channel]:
    return [
        Channel(
            number,
            f"Camera {number}",
            token,
            (MediaProfile(f"Profile{number}", "main", token, None, role=ProfileRole.MAIN),),
        )
        for number, token in enumerate(tokens, 1)
    ]


@pytest.mark.parametrize(
    ("sources", "tokens", "number", "is_sure"),
    [
        (("00001",), ("00000", "00001"), 2, True),
        (("Profile2",), ("a", "b"), 2, True),
        (("VideoSourceConfig_2",), ("VideoSource_1", "VideoSource_2"), 2, False),
        (("3",), ("001", "002", "003"), 3, False),
        (("Camera 2",), ("a", "b"), 2, False),
        (("VideoSourceConfig0", "VideoSource_1"), ("VideoSource_1", "VideoSource_2"), 1, True),
        (("Camera 2", "a"), ("a", "b"), 1, True),
        (("vsconf",), ("raw_vs1",), 1, True),
        ((), ("only",), 1, True),
        (("unknown",), ("VideoSource_1", "VideoSource_2"), None, False),
        ((), ("VideoSource_1", "VideoSource_2"), None, False),
        (("1",), ("a1", "b1"), None, False),
    ],
)
def test_a_channel_is_found_by_token_profile_or_number(
    sources: tuple[str, ...], tokens: tuple[str, ...], number: int | None, is_sure: bool
) -> None:
    assert channel_of_event(sources, _channels(*tokens)) == (number, is_sure)


def test_an_event_that_names_no_channel_belongs_to_the_device() -> None:
    assert channel_of_event(("AlarmIn_1",), []) == (None, False)
