"""The configurations that profiles are made of, as both Media services and PTZ show them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from simulator.layout import ROLES, AudioCodec, ChannelSpec, Role
from simulator.soap.xml import Element, el

if TYPE_CHECKING:
    from simulator.recorder import Recorder

PTZ_NODE, PTZ_CONFIGURATION = "PtzNode000", "PtzConfiguration000"
PTZ_SPACES = "http://www.onvif.org/ver10/tptz"
_SESSION_TIMEOUT = "PT60S"
_AUDIO_FORMATS: dict[AudioCodec, tuple[str, str, int, int]] = {
    # encoding in Media, encoding in Media2 (IANA), kbit/s, kHz
    "pcma": ("G711", "PCMA", 64, 8),
    "pcmu": ("G711", "PCMU", 64, 8),
    "aac": ("AAC", "MP4A-LATM", 32, 16),
}


def video_encoder_token(channel: ChannelSpec, role: Role) -> str:
    return f"VideoEncoder{channel.profile_token(role).removeprefix('MediaProfile')}"


def audio_encoder_token(channel: ChannelSpec, role: Role) -> str:
    return f"AudioEncoder{channel.profile_token(role).removeprefix('MediaProfile')}"


def source_configuration_token(channel: ChannelSpec) -> str:
    return f"VideoSourceConfig{channel.number - 1:03d}"


def audio_configuration_token(channel: ChannelSpec) -> str:
    return f"AudioSourceConfig{channel.number - 1:03d}"


def profile_name(recorder: Recorder, channel: ChannelSpec, role: Role) -> str:
    """tt:Name holds 64 characters."""
    return recorder.shown_name(f"{channel.name} {role}")[:64]


def _resolution(name: str, width: int, height: int) -> Element:
    return el(name, el("tt:Width", width), el("tt:Height", height))


def multicast() -> Element:
    """Nobody sends multicast here; the schema wants to hear it."""
    address = el("tt:Address", el("tt:Type", "IPv4"), el("tt:IPv4Address", "0.0.0.0"))  # noqa: S104 (nothing is bound to it)
    return el("tt:Multicast", address, el("tt:Port", 0), el("tt:TTL", 1), el("tt:AutoStart", False))


def video_source(channel: ChannelSpec) -> Element:
    main = channel.main
    return el(
        "trt:VideoSources",
        el("tt:Framerate", float(main.fps)),
        _resolution("tt:Resolution", main.width, main.height),
        attributes={"token": channel.video_source_token},
    )


def video_source_configuration(recorder: Recorder, channel: ChannelSpec, name: str) -> Element:
    bounds = {"x": 0, "y": 0, "width": channel.main.width, "height": channel.main.height}
    return el(
        name,
        el("tt:Name", recorder.shown_name(channel.name)[:64]),
        el("tt:UseCount", 2),
        el("tt:SourceToken", channel.video_source_token),
        el("tt:Bounds", attributes=bounds),
        attributes={"token": source_configuration_token(channel)},
    )


def audio_source_configuration(recorder: Recorder, channel: ChannelSpec, name: str) -> Element:
    return el(
        name,
        el("tt:Name", recorder.shown_name(channel.name)[:64]),
        el("tt:UseCount", 2),
        el("tt:SourceToken", channel.audio_source_token),
        attributes={"token": audio_configuration_token(channel)},
    )


def video_encoder(recorder: Recorder, channel: ChannelSpec, role: Role, name: str) -> Element:
    """As Media (version 1) says it, which knows no H.265."""
    stream = channel.stream(role)
    rate = el(
        "tt:RateControl",
        el("tt:FrameRateLimit", stream.fps),
        el("tt:EncodingInterval", 1),
        el("tt:BitrateLimit", stream.kbps),
    )
    return el(
        name,
        el("tt:Name", profile_name(recorder, channel, role)),
        el("tt:UseCount", 1),
        el("tt:Encoding", "H264"),
        _resolution("tt:Resolution", stream.width, stream.height),
        el("tt:Quality", 4.0),
        rate,
        el("tt:H264", el("tt:GovLength", stream.gop_frames), el("tt:H264Profile", "Baseline")),
        multicast(),
        el("tt:SessionTimeout", _SESSION_TIMEOUT),
        attributes={"token": video_encoder_token(channel, role)},
    )


def video_encoder2(recorder: Recorder, channel: ChannelSpec, role: Role, name: str) -> Element:
    """As Media2 says it."""
    stream = channel.stream(role)
    is_h265 = stream.codec == "h265"
    values = {"token": video_encoder_token(channel, role), "GovLength": stream.gop_frames}
    return el(
        name,
        el("tt:Name", profile_name(recorder, channel, role)),
        el("tt:UseCount", 1),
        el("tt:Encoding", "H265" if is_h265 else "H264"),
        _resolution("tt:Resolution", stream.width, stream.height),
        el(
            "tt:RateControl",
            el("tt:FrameRateLimit", float(stream.fps)),
            el("tt:BitrateLimit", stream.kbps),
            attributes={"ConstantBitRate": True},
        ),
        multicast(),
        el("tt:Quality", 4.0),
        attributes={**values, "Profile": "Main" if is_h265 else "Baseline"},
    )


def audio_encoder(recorder: Recorder, channel: ChannelSpec, role: Role, name: str) -> Element | None:
    """As Media says it; None without a microphone."""
    if channel.audio is None:
        return None
    encoding, _, kbps, khz = _AUDIO_FORMATS[channel.audio]
    return el(
        name,
        el("tt:Name", profile_name(recorder, channel, role)),
        el("tt:UseCount", 1),
        el("tt:Encoding", encoding),
        el("tt:Bitrate", kbps),
        el("tt:SampleRate", khz),
        multicast(),
        el("tt:SessionTimeout", _SESSION_TIMEOUT),
        attributes={"token": audio_encoder_token(channel, role)},
    )


def audio_encoder2(recorder: Recorder, channel: ChannelSpec, role: Role, name: str) -> Element | None:
    """As Media2 says it; None without a microphone."""
    if channel.audio is None:
        return None
    _, encoding, kbps, khz = _AUDIO_FORMATS[channel.audio]
    return el(
        name,
        el("tt:Name", profile_name(recorder, channel, role)),
        el("tt:UseCount", 1),
        el("tt:Encoding", encoding),
        multicast(),
        el("tt:Bitrate", kbps),
        el("tt:SampleRate", khz),
        attributes={"token": audio_encoder_token(channel, role)},
    )


def ptz_configuration(name: str) -> Element:
    """The one PTZ configuration."""

    def space(element: str, path: str) -> Element:
        return el(element, f"{PTZ_SPACES}/{path}")

    pan_tilt, zoom = f"{PTZ_SPACES}/PanTiltSpaces/GenericSpeedSpace", f"{PTZ_SPACES}/ZoomSpaces/ZoomGenericSpeedSpace"
    return el(
        name,
        el("tt:Name", "PTZ"),
        el("tt:UseCount", 2),
        el("tt:NodeToken", PTZ_NODE),
        space("tt:DefaultAbsolutePantTiltPositionSpace", "PanTiltSpaces/PositionGenericSpace"),
        space("tt:DefaultAbsoluteZoomPositionSpace", "ZoomSpaces/PositionGenericSpace"),
        space("tt:DefaultRelativePanTiltTranslationSpace", "PanTiltSpaces/TranslationGenericSpace"),
        space("tt:DefaultRelativeZoomTranslationSpace", "ZoomSpaces/TranslationGenericSpace"),
        space("tt:DefaultContinuousPanTiltVelocitySpace", "PanTiltSpaces/VelocityGenericSpace"),
        space("tt:DefaultContinuousZoomVelocitySpace", "ZoomSpaces/VelocityGenericSpace"),
        el(
            "tt:DefaultPTZSpeed",
            el("tt:PanTilt", attributes={"x": 0.5, "y": 0.5, "space": pan_tilt}),
            el("tt:Zoom", attributes={"x": 0.5, "space": zoom}),
        ),
        el("tt:DefaultPTZTimeout", "PT10S"),
        attributes={"token": PTZ_CONFIGURATION},
    )


Maker = Callable[["Recorder", ChannelSpec, Role, str], Element | None]


def each_stream(recorder: Recorder, maker: Maker, name: str, *, with_h265: bool = True) -> list[Element]:
    """The configurations of all streams that have one; Media (version 1) leaves H.265 out."""
    found = []
    for channel in recorder.layout:
        for role in ROLES:
            visible = with_h265 or is_visible_in_media1(recorder, channel, role)
            made = maker(recorder, channel, role, name) if visible else None
            if made is not None:
                found.append(made)
    return found


def is_visible_in_media1(recorder: Recorder, channel: ChannelSpec, role: Role) -> bool:
    """Media (version 1) has no word for H.265: such profiles are missing there, or called H264 by some firmware."""
    return channel.stream(role).codec == "h264" or recorder.faults.is_on("h265_as_h264")
