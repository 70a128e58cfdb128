"""Channels of devices whose sources, configurations, sizes and names do not fit together."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from core.records import Channel, MediaProfile, ProfileRole, VideoFormat
from onvif_services.channels import make_channels
from onvif_services.inputs import FoundProfile, group_by_input, without_shared_tokens
from onvif_services.media_lists import merge_services

BIG, SMALL = (1920, 1080), (640, 360)


def found(
    token: str,
    source: str,
    size: tuple[int, int] = BIG,
    *,
    name: str = "p",
    config: str = "vsc",
    config_name: str = "vsc",
    encoder: str | None = None,
    codec: str = "h264",
    service: str = "media",
) -> FoundProfile:
    """Return a profile as a device lists it; an own encoder unless one is named."""
    profile = MediaProfile(token, name, source, VideoFormat(codec, *size), service=service)
    return FoundProfile(profile, config_name, config, f"enc-{token}" if encoder is None else encoder, True)


def channels_of(profiles: Sequence[FoundProfile], listed: Sequence[str] = ()) -> tuple[Channel, ...]:
    return make_channels(*group_by_input(without_shared_tokens(profiles), listed))


def tokens_of(profiles: Sequence[FoundProfile], listed: Sequence[str] = ()) -> list[list[str]]:
    """Return the profile tokens of each channel, and check that no channel is dead and no profile is lost."""
    channels = channels_of(profiles, listed)
    assert not [channel.problem for channel in channels if channel.problem]
    assert sum(len(channel.profiles) for channel in channels) == len(profiles)
    assert len({channel.video_source_token for channel in channels}) == len(channels)
    return [[profile.profile_token for profile in channel.profiles] for channel in channels]


def pairs(texts: Sequence[tuple[str, str]], *, source: str = "VS", by: str = "name") -> list[FoundProfile]:
    """Return a big and a small profile for each pair of names (or tokens)."""
    made = []
    for number, pair in enumerate(texts):
        for size, text in zip((BIG, SMALL), pair, strict=True):
            quality = "big" if size == BIG else "small"
            token = text if by == "token" else f"{chr(97 + number)}-{quality}"
            made.append(found(token, source, size, name=text if by == "name" else "p"))
    return made


NAMES_OF_CHANNELS = [
    [("ch0 main", "ch0 sub"), ("ch1 main", "ch1 sub"), ("ch2 main", "ch2 sub")],
    [("Channel1_MainStream", "Channel1_SubStream1"), ("Channel2_MainStream", "Channel2_SubStream1")],
    [("MainStream1", "SubStream1"), ("MainStream2", "SubStream2"), ("MainStream3", "SubStream3")],
    [("Gate main", "Gate sub"), ("Yard main", "Yard sub")],
    [("通道1主码流", "通道1子码流"), ("通道2主码流", "通道2子码流")],
    [("cam1_stream1", "cam1_stream2"), ("cam2_stream1", "cam2_stream2")],
    [("101", "102"), ("201", "202"), ("301", "302")],
    [("IPC-01 HD", "IPC-01 SD"), ("IPC-02 HD", "IPC-02 SD")],
]


@pytest.mark.parametrize("by", ["name", "token"])
@pytest.mark.parametrize("texts", NAMES_OF_CHANNELS, ids=lambda texts: texts[0][0])
def test_one_source_for_all_inputs_is_split_by_names_or_tokens(texts: list[tuple[str, str]], by: str) -> None:
    profiles = pairs(texts, by=by)
    wanted = [[one.token, two.token] for one, two in zip(profiles[::2], profiles[1::2], strict=True)]
    for listed in ([], ["VS"], ["A", "B", "C", "D"], ["0"]):
        assert tokens_of(profiles, listed) == wanted


def test_inputs_of_one_source_take_the_tokens_that_the_device_lists() -> None:
    profiles = pairs([("ch1 main", "ch1 sub"), ("ch2 main", "ch2 sub")])
    channels = channels_of(profiles, ["VS", "VS2"])
    assert [channel.video_source_token for channel in channels] == ["VS", "VS2"]
    assert not any(channel.problem for channel in channels)


def test_one_source_for_all_inputs_is_split_by_configurations() -> None:
    profiles = [
        found(f"{number}{quality}", "VS", size, config=f"c{number}")
        for number in (1, 2, 3)
        for quality, size in (("x", BIG), ("y", SMALL))
    ]
    assert tokens_of(profiles) == [["1x", "1y"], ["2x", "2y"], ["3x", "3y"]]


def test_one_source_for_all_inputs_is_split_by_repeated_sizes() -> None:
    profiles = [found(f"t{number}", "VS", (BIG, SMALL)[number % 2]) for number in range(8)]
    assert tokens_of(profiles) == [[f"t{n}", f"t{n + 1}"] for n in (0, 2, 4, 6)]


def test_numbered_inputs_without_sub_streams_are_split() -> None:
    assert len(tokens_of([found(f"p{n}", "VS", name=f"Channel {n}") for n in range(1, 9)])) == 8
    assert len(tokens_of([found(f"p{n}", "VS") for n in range(1, 9)])) == 8  # eight encoders of one size


def test_named_inputs_of_one_source_are_split_and_keep_their_names() -> None:
    mains = [found(f"p{n}", "VS", name=name) for n, name in enumerate(("Gate", "大门", "Yard west"))]
    assert [channel.name for channel in channels_of(mains)] == ["Gate", "大门", "Yard west"]
    both = pairs([("Gate main", "Gate sub"), ("Hof_MainStream", "Hof_SubStream")])
    assert [channel.name for channel in channels_of(both, ["VS"])] == ["Gate", "Hof"]
    numbered = pairs([("ch1 main", "ch1 sub"), ("ch2 main", "ch2 sub")])
    assert [channel.name for channel in channels_of(numbered)] == ["Channel 1", "Channel 2"]


def test_inputs_with_a_source_and_a_name_each_keep_their_names() -> None:
    """GetVideoSources of the device lists one source with another token."""
    mains = [found(f"p{n}", f"S{n}", name="main", config=f"vsc_S{n}", config_name=f"Gate {n}") for n in range(8)]
    assert [channel.name for channel in channels_of(mains, ["V0"])] == [f"Gate {n}" for n in range(8)]
    one_name = [found(f"p{n}", "VS", name="main", config_name="Gate") for n in range(8)]
    assert [channel.name for channel in channels_of(one_name)] == [f"Channel {n}" for n in range(1, 9)]


@pytest.mark.parametrize(
    "profiles",
    [
        [found("1", "V", name="main"), found("2", "V", SMALL, name="sub"), found("3", "V", (1280, 720), name="third")],
        [
            found("a", "V", name="MediaProfile_Channel1_MainStream"),
            found("b", "V", SMALL, name="MediaProfile_Channel1_SubStream1"),
            found("c", "V", (1280, 720), name="MediaProfile_Channel1_SubStream2"),
        ],
        [found(f"profile_{n}_{codec}", "V", codec=codec) for n in (1, 2, 3) for codec in ("h264", "mjpeg")],
        [found(f"Profile_L1S{n}", "V", size) for n, size in enumerate([BIG, (1536, 864), (512, 288), BIG], start=1)],
        [found("1", "V", config="c1"), found("2", "V", SMALL, config="c2"), found("3", "V", (320, 240), config="c3")],
        [
            found("1", "V", name="Main", encoder="e1"),
            found("2", "V", SMALL, name="Sub", encoder="e2"),
            found("3", "V", name="Recorder Main", encoder="e1"),
            found("4", "V", SMALL, name="Recorder Sub", encoder="e2"),
        ],
        [
            found("1", "V"),
            found("2", "V", SMALL),
            found("3", "V", codec="hevc"),
            found("4", "V", SMALL, codec="hevc"),
        ],
        [found(f"{n}", "V", name=f"profile{n}") for n in (1, 2, 3, 4)],
        [found(f"{n}", "V", name=f"profile_{n} h264") for n in (1, 2, 3)],
        [found(name, "V", name=name, encoder=f"e{name}") for name in ("Quality", "Balanced", "Bandwidth")],
        [found(f"{n}", "V", name=name, encoder="e") for n, name in enumerate(("Frigate", "BlueIris", "Home"))],
    ],
)
def test_a_camera_with_many_streams_stays_one_channel(profiles: list[FoundProfile]) -> None:
    assert len(tokens_of(profiles, ["V"])) == 1


@pytest.mark.parametrize(
    ("profiles", "listed", "wanted"),
    [
        ([found("m", "S0", config="c"), found("s", "S1", SMALL, config="c")], [], [["m", "s"]]),
        ([found("m", "S0", config="c0"), found("s", "S1", SMALL, config="c1")], ["V"], [["m", "s"]]),
        (
            [found("m", "S0", name="MainStream", config="1"), found("s", "S1", SMALL, name="SubStream", config="2")],
            [],
            [["m", "s"]],
        ),
        (
            [
                found(f"{n}{quality}", f"S{n}{quality}", size, name=f"ch{n} {quality}", config=f"{n}{quality}")
                for n in (1, 2)
                for quality, size in (("main", BIG), ("sub", SMALL))
            ],
            [],
            [["1main", "1sub"], ["2main", "2sub"]],
        ),
        (
            [found(f"Profile_{n}", f"V{n}", config="c") for n in (1, 2, 3)],
            [],
            [["Profile_1"], ["Profile_2"], ["Profile_3"]],
        ),
        ([found("a", "S1", config="1"), found("b", "S2", SMALL, config="2")], [], [["a"], ["b"]]),
        ([found("a", "S1", config="c"), found("b", "S2", SMALL, config="c")], ["S1", "S2"], [["a"], ["b"]]),
        (
            [found("a", "S1", name="MainStream"), found("b", "S2", SMALL, name="SubStream")],
            ["S1", "S2"],
            [["a", "b"]],
        ),
        ([found("a", "S1", name="main"), found("b", "S2", name="main")], ["S1", "S2"], [["a"], ["b"]]),
    ],
)
def test_a_source_for_each_profile_is_joined_where_the_rest_fits(
    profiles: list[FoundProfile], listed: list[str], wanted: list[list[str]]
) -> None:
    assert tokens_of(profiles, listed) == wanted


@pytest.mark.parametrize(
    ("profiles", "listed", "wanted"),
    [
        ([found("m", "", config=""), found("s", "", SMALL, config="")], [], [["m", "s"]]),
        ([found("m", "", config=""), found("s", "", SMALL, config="")], ["V1"], [["m", "s"]]),
        (
            pairs([("ch0 main", "ch0 sub"), ("ch1 main", "ch1 sub")], source=""),
            [],
            [["a-big", "a-small"], ["b-big", "b-small"]],
        ),
        (
            [
                found("m1", "S1", name="ch1 main", config="1"),
                found("m2", "S2", name="ch2 main", config="2"),
                found("s2", "", SMALL, name="ch2 sub", config=""),
                found("s1", "", SMALL, name="ch1 sub", config=""),
            ],
            ["S1", "S2"],
            [["m1", "s1"], ["m2", "s2"]],
        ),
        (
            [
                found("m1", "S1", config="1"),
                found("m2", "S2", config="2"),
                found("s1", "", SMALL, config="1"),
                found("s2", "", SMALL, config="2"),
            ],
            [],
            [["m1", "s1"], ["m2", "s2"]],
        ),
    ],
)
def test_encoders_without_a_source_find_their_input(
    profiles: list[FoundProfile], listed: list[str], wanted: list[list[str]]
) -> None:
    assert tokens_of(profiles, listed) == wanted


def test_a_jpeg_profile_is_no_input_of_its_own() -> None:
    named = [("main", BIG, "h264"), ("sub", SMALL, "h264"), ("jpeg", BIG, "mjpeg")]
    profiles = [found(name, "1", size, name=name, codec=codec) for name, size, codec in named]
    for listed in (["1"], ["1", "2"]):
        first = channels_of(profiles, listed)[0]
        assert [profile.profile_token for profile in first.profiles] == ["main", "sub", "jpeg"]


def test_only_a_list_that_fits_adds_dead_inputs() -> None:
    profiles = [found("a", "1", config="1"), found("b", "2", config="2")]
    assert [channel.problem is not None for channel in channels_of(profiles, ["1", "2", "3"])] == [False, False, True]
    assert tokens_of(profiles, ["VideoSource_1", "VideoSource_2"]) == [["a"], ["b"]]
    assert tokens_of([found("a", "src1", config="1"), found("b", "SRC2", config="2")], ["SRC1 ", "Src2"]) == [
        ["a"],
        ["b"],
    ]


def test_profiles_with_the_token_of_another_input_are_named_and_not_lost() -> None:
    profiles = [found("main", "S1", SMALL, config_name="Gate"), found("main", "S2", SMALL, config_name="Yard")]
    gate, yard = channels_of(profiles, ["S1", "S2"])
    assert (gate.name, yard.name) == ("Gate", "Yard")
    assert [profile.profile_token for profile in gate.profiles] == ["main"]
    assert not yard.profiles
    assert yard.problem is not None
    assert "same tokens" in yard.problem.detail


def test_a_profile_that_is_listed_twice_is_one_profile() -> None:
    assert tokens_of(without_shared_tokens([found("a", "S1"), found("a", "S1"), found("b", "S1", SMALL)])) == [
        ["a", "b"]
    ]


def test_a_device_that_names_no_encoders_is_shown_by_its_streams() -> None:
    bare = [FoundProfile(MediaProfile(token, token, "V", None), "", "c") for token in ("P1", "P2")]
    (channel,) = channels_of(bare)
    assert channel.problem is None
    assert [profile.role for profile in channel.profiles] == [ProfileRole.MAIN, ProfileRole.SUB]


# -- Media and Media2 --------------------------------------------------------------------------


def merged_tokens(media: list[FoundProfile], media2: list[FoundProfile]) -> list[list[str]]:
    return tokens_of(merge_services(media, media2))


def test_media2_tells_inputs_apart_that_media_gives_one_source() -> None:
    media = [found(f"p{n}", "V") for n in range(3)]
    media2 = [found(f"p{n}", f"S{n}", config=f"c{n}", service="media2") for n in range(3)]
    assert merged_tokens(media, media2) == [["p0"], ["p1"], ["p2"]]
    assert merged_tokens(media2, media) == [["p0"], ["p1"], ["p2"]]


def test_a_source_with_two_names_in_the_two_services_is_one_channel() -> None:
    media = [found("m1", "0", config="a"), found("m2", "1", config="b")]
    media2 = [
        found("m1", "VideoSource_0", config="x"),
        found("m2", "VideoSource_1", config="y"),
        found("s1", "VideoSource_0", SMALL, config="x"),
        found("s2", "VideoSource_1", SMALL, config="y"),
    ]
    assert merged_tokens(media, media2) == [["m1", "s1"], ["m2", "s2"]]


def test_a_source_for_each_profile_in_one_service_doubles_nothing() -> None:
    media = [found("m", "S0", config="a"), found("s", "S1", SMALL, config="b")]
    media2 = [found("m", "V", config="c"), found("s", "V", SMALL, config="c")]
    assert merged_tokens(media, media2) == [["m", "s"]]
    assert merged_tokens(media2, media) == [["m", "s"]]


def test_one_encoder_under_other_tokens_in_media2_is_no_further_profile() -> None:
    media = [found("Profile_1", "V", encoder="e1"), found("Profile_2", "V", SMALL, encoder="e2")]
    media2 = [found("101", "V", encoder="e1"), found("102", "V", SMALL, encoder="e2"), found("103", "V", encoder="e3")]
    merged = merge_services(media, media2)
    assert [item.token for item in merged] == ["Profile_1", "Profile_2", "103"]
