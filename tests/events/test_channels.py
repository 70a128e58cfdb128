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
    ("sources", "tokens", "number"),
    [
        (("00001",), ("00000", "00001"), 2),
        (("Profile2",), ("a", "b"), 2),
        (("VideoSourceConfig_2",), ("VideoSource_1", "VideoSource_2"), 2),
        (("3",), ("001", "002", "003"), 3),
        (("VideoSourceConfig0", "VideoSource_1"), ("VideoSource_1", "VideoSource_2"), 1),
        (("vsconf",), ("raw_vs1",), 1),
        ((), ("only",), 1),
        (("unknown",), ("VideoSource_1", "VideoSource_2"), None),
        ((), ("VideoSource_1", "VideoSource_2"), None),
        (("1",), ("a1", "b1"), None),
    ],
)
def test_a_channel_is_found_by_token_profile_or_number(
    sources: tuple[str, ...], tokens: tuple[str, ...], number: int | None
) -> None:
    assert channel_of_event(sources, _channels(*tokens)) == number


def test_an_event_that_names_no_channel_belongs_to_the_device() -> None:
    assert channel_of_event(("AlarmIn_1",), []) is None
