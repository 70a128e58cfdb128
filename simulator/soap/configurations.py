"""The configurations of media profiles, as the Media, Media2 and PTZ services answer them."""

from __future__ import annotations

from collections.abc import Callable

from simulator.faults import Faults
from simulator.identity import Identity
from simulator.layout import ROLES, AudioCodec, ChannelSpec, Layout, Role
from simulator.soap.xml import Element, el

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


def _resolution(name: str, width: int, height: int) -> Element:
    return el(name, el("tt:Width", width), el("tt:Height", height))


def multicast() -> Element:
    """An address without multicast: the recorder sends none, but the schema requires the element."""
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


Maker = Callable[[ChannelSpec, Role, str], Element | None]


class Configurations:
    """Makes configuration elements; `name` is the name of the element, ``prefix:Name``."""

    def __init__(self, layout: Layout, identity: Identity, faults: Faults) -> None:
        self._layout, self._identity, self._faults = layout, identity, faults

    def profile_name(self, channel: ChannelSpec, role: Role) -> str:
        """tt:Name holds 64 characters."""
        return self._identity.shown_name(f"{channel.name} {role}")[:64]

    def video_source_configuration(self, channel: ChannelSpec, name: str) -> Element:
        bounds = {"x": 0, "y": 0, "width": channel.main.width, "height": channel.main.height}
        return el(
            name,
            el("tt:Name", self._identity.shown_name(channel.name)[:64]),
            el("tt:UseCount", 2),
            el("tt:SourceToken", channel.video_source_token),
            el("tt:Bounds", attributes=bounds),
            attributes={"token": source_configuration_token(channel)},
        )

    def audio_source_configuration(self, channel: ChannelSpec, name: str) -> Element:
        return el(
            name,
            el("tt:Name", self._identity.shown_name(channel.name)[:64]),
            el("tt:UseCount", 2),
            el("tt:SourceToken", channel.audio_source_token),
            attributes={"token": audio_configuration_token(channel)},
        )

    def video_encoder(self, channel: ChannelSpec, role: Role, name: str) -> Element:
        """The encoder as Media (version 1) describes it, which has no H.265."""
        stream = channel.stream(role)
        rate = el(
            "tt:RateControl",
            el("tt:FrameRateLimit", stream.fps),
            el("tt:EncodingInterval", 1),
            el("tt:BitrateLimit", stream.kbps),
        )
        return el(
            name,
            el("tt:Name", self.profile_name(channel, role)),
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

    def video_encoder2(self, channel: ChannelSpec, role: Role, name: str) -> Element:
        """The encoder as Media2 describes it."""
        stream = channel.stream(role)
        is_h265 = stream.codec == "h265"
        values = {"token": video_encoder_token(channel, role), "GovLength": stream.gop_frames}
        return el(
            name,
            el("tt:Name", self.profile_name(channel, role)),
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

    def audio_encoder(self, channel: ChannelSpec, role: Role, name: str) -> Element | None:
        """The encoder as Media describes it; None without a microphone."""
        if channel.audio is None:
            return None
        encoding, _, kbps, khz = _AUDIO_FORMATS[channel.audio]
        return el(
            name,
            el("tt:Name", self.profile_name(channel, role)),
            el("tt:UseCount", 1),
            el("tt:Encoding", encoding),
            el("tt:Bitrate", kbps),
            el("tt:SampleRate", khz),
            multicast(),
            el("tt:SessionTimeout", _SESSION_TIMEOUT),
            attributes={"token": audio_encoder_token(channel, role)},
        )

    def audio_encoder2(self, channel: ChannelSpec, role: Role, name: str) -> Element | None:
        """The encoder as Media2 describes it; None without a microphone."""
        if channel.audio is None:
            return None
        _, encoding, kbps, khz = _AUDIO_FORMATS[channel.audio]
        return el(
            name,
            el("tt:Name", self.profile_name(channel, role)),
            el("tt:UseCount", 1),
            el("tt:Encoding", encoding),
            multicast(),
            el("tt:Bitrate", kbps),
            el("tt:SampleRate", khz),
            attributes={"token": audio_encoder_token(channel, role)},
        )

    def ptz_configuration(self, name: str) -> Element:
        """The one PTZ configuration."""

        def space(element: str, path: str) -> Element:
            return el(element, f"{PTZ_SPACES}/{path}")

        pan_tilt, zoom = (
            f"{PTZ_SPACES}/PanTiltSpaces/GenericSpeedSpace",
            f"{PTZ_SPACES}/ZoomSpaces/ZoomGenericSpeedSpace",
        )
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

    def each_stream(self, maker: Maker, name: str, *, with_h265: bool = True) -> list[Element]:
        """The configurations of all streams that have one; Media (version 1) omits H.265."""
        found = []
        for channel in self._layout:
            for role in ROLES:
                visible = with_h265 or self.is_visible_in_media1(channel, role)
                made = maker(channel, role, name) if visible else None
                if made is not None:
                    found.append(made)
        return found

    def has_ptz_configuration(self, channel: ChannelSpec, role: Role) -> bool:
        """True if the profile has the PTZ configuration, which the fault `ptz` leaves out of one profile or of both."""
        habit = self._faults.text("ptz")
        return channel.has_ptz and habit != "no_configuration" and not (habit == "one_profile" and role == "main")

    def is_visible_in_media1(self, channel: ChannelSpec, role: Role) -> bool:
        """True unless the stream is H.265, which Media (version 1) cannot name. Some firmware calls it H264 there."""
        return channel.stream(role).codec == "h264" or self._faults.is_on("h265_as_h264")
