"""The Media2 service (ONVIF Media 2 Service Specification): all profiles, also those with H.265."""

from __future__ import annotations

from simulator.addresses import Addresses
from simulator.layout import ROLES, ChannelSpec, Layout, Role
from simulator.live import LiveStreams
from simulator.soap import capabilities
from simulator.soap.configurations import (
    Configurations,
    audio_configuration_token,
    audio_encoder_token,
    source_configuration_token,
    video_encoder_token,
)
from simulator.soap.service import PATHS, Call, Handler, SoapFault, SoapService, done, no_such, profile_of
from simulator.soap.xml import Element, el, texts_of

_PROTOCOLS = ("RtspUnicast", "RTSP", "RtspOverHttp", "RtspsUnicast", "RtspsOverHttp", "RtspMulticast", "RtspsMulticast")
_SERVED = ("RtspUnicast", "RTSP")


class Media2Service(SoapService):
    """Media profiles, their configurations, stream and snapshot URIs."""

    path = PATHS["tr2"]

    def __init__(
        self, layout: Layout, configurations: Configurations, addresses: Addresses, streams: LiveStreams
    ) -> None:
        self._layout, self._configurations = layout, configurations
        self._addresses, self._streams = addresses, streams

    def operations(self) -> dict[str, Handler]:
        return {
            "tr2:GetServiceCapabilities": self.get_service_capabilities,
            "tr2:GetProfiles": self.get_profiles,
            "tr2:GetVideoSourceConfigurations": self.get_video_source_configurations,
            "tr2:GetAudioSourceConfigurations": self.get_audio_source_configurations,
            "tr2:GetVideoEncoderConfigurations": self.get_video_encoder_configurations,
            "tr2:GetAudioEncoderConfigurations": self.get_audio_encoder_configurations,
            "tr2:GetVideoEncoderConfigurationOptions": self.get_video_encoder_configuration_options,
            "tr2:GetVideoEncoderInstances": self.get_video_encoder_instances,
            "tr2:GetStreamUri": self.get_stream_uri,
            "tr2:GetSnapshotUri": self.get_snapshot_uri,
            "tr2:SetSynchronizationPoint": self.set_synchronization_point,
        }

    def _profile(self, channel: ChannelSpec, role: Role, kinds: set[str]) -> Element:
        """`kinds`: the configurations to include; without any, the profile is a name and a token."""

        def part(kind: str, made: Element | None) -> Element | None:
            return made if kinds & {"All", kind} else None

        audio = self._configurations.audio_source_configuration(channel, "tr2:AudioSource") if channel.audio else None
        configurations = el(
            "tr2:Configurations",
            part("VideoSource", self._configurations.video_source_configuration(channel, "tr2:VideoSource")),
            part("AudioSource", audio),
            part("VideoEncoder", self._configurations.video_encoder2(channel, role, "tr2:VideoEncoder")),
            part("AudioEncoder", self._configurations.audio_encoder2(channel, role, "tr2:AudioEncoder")),
            part(
                "PTZ",
                self._configurations.ptz_configuration("tr2:PTZ")
                if self._configurations.has_ptz_configuration(channel, role)
                else None,
            ),
        )
        return el(
            "tr2:Profiles",
            el("tr2:Name", self._configurations.profile_name(channel, role)),
            configurations if kinds else None,
            attributes={"token": channel.profile_token(role), "fixed": True},
        )

    def _chosen(self, call: Call, made: list[Element]) -> list[Element]:
        """The configurations that the request's ConfigurationToken or ProfileToken selects; all without them."""
        if token := call.text("tr2:ConfigurationToken"):
            found = [element for element in made if element.get("token") == token]
            if not found:
                raise no_such("ter:NoConfig", "configuration")
            return found
        if call.text("tr2:ProfileToken"):
            channel, role = profile_of(self._layout, call, "tr2:ProfileToken")
            own = {video_encoder_token(channel, role), audio_encoder_token(channel, role)}
            own |= {source_configuration_token(channel), audio_configuration_token(channel)}
            return [element for element in made if element.get("token") in own]
        return made

    def get_service_capabilities(self, _call: Call) -> Element:
        return el("tr2:GetServiceCapabilitiesResponse", capabilities.media2(2 * len(self._layout)))

    def get_profiles(self, call: Call) -> Element:
        kinds = set(texts_of(call.body, "tr2:Type"))
        chosen = [profile_of(self._layout, call, "tr2:Token")] if call.text("tr2:Token") else None
        everything = [(channel, role) for channel in self._layout for role in ROLES]
        made = [self._profile(channel, role, kinds) for channel, role in chosen or everything]
        return el("tr2:GetProfilesResponse", *made)

    def get_video_source_configurations(self, call: Call) -> Element:
        made = [
            self._configurations.video_source_configuration(channel, "tr2:Configurations") for channel in self._layout
        ]
        return el("tr2:GetVideoSourceConfigurationsResponse", *self._chosen(call, made))

    def get_audio_source_configurations(self, call: Call) -> Element:
        made = [
            self._configurations.audio_source_configuration(channel, "tr2:Configurations")
            for channel in self._layout
            if channel.audio
        ]
        return el("tr2:GetAudioSourceConfigurationsResponse", *self._chosen(call, made))

    def get_video_encoder_configurations(self, call: Call) -> Element:
        made = self._configurations.each_stream(self._configurations.video_encoder2, "tr2:Configurations")
        return el("tr2:GetVideoEncoderConfigurationsResponse", *self._chosen(call, made))

    def get_audio_encoder_configurations(self, call: Call) -> Element:
        made = self._configurations.each_stream(self._configurations.audio_encoder2, "tr2:Configurations")
        return el("tr2:GetAudioEncoderConfigurationsResponse", *self._chosen(call, made))

    def get_video_encoder_configuration_options(self, _call: Call) -> Element:
        sizes = sorted({(spec.width, spec.height) for channel in self._layout for spec in (channel.main, channel.sub)})

        def options(encoding: str, profile: str) -> Element:
            return el(
                "tr2:Options",
                el("tt:Encoding", encoding),
                el("tt:QualityRange", el("tt:Min", 1.0), el("tt:Max", 6.0)),
                *(el("tt:ResolutionsAvailable", el("tt:Width", wide), el("tt:Height", high)) for wide, high in sizes),
                el("tt:BitrateRange", el("tt:Min", 64), el("tt:Max", 8192)),
                attributes={"GovLengthRange": "25 250", "FrameRatesSupported": "15 25", "ProfilesSupported": profile},
            )

        return el(
            "tr2:GetVideoEncoderConfigurationOptionsResponse", options("H264", "Baseline"), options("H265", "Main")
        )

    def get_video_encoder_instances(self, call: Call) -> Element:
        tokens = {source_configuration_token(channel) for channel in self._layout}
        if call.text("tr2:ConfigurationToken") not in tokens:
            raise no_such("ter:NoConfig", "configuration")
        return el("tr2:GetVideoEncoderInstancesResponse", el("tr2:Info", el("tr2:Total", 2)))

    def get_stream_uri(self, call: Call) -> Element:
        channel, role = profile_of(self._layout, call, "tr2:ProfileToken")
        protocol = call.text("tr2:Protocol")
        if protocol not in _SERVED:
            known = "is not served" if protocol in _PROTOCOLS else "does not exist"
            raise SoapFault("Sender", "ter:InvalidArgVal", "ter:InvalidStreamSetup", reason=f"The protocol {known}")
        return el("tr2:GetStreamUriResponse", el("tr2:Uri", self._addresses.live_url(channel, role)))

    def get_snapshot_uri(self, call: Call) -> Element:
        channel, role = profile_of(self._layout, call, "tr2:ProfileToken")
        return el("tr2:GetSnapshotUriResponse", el("tr2:Uri", self._addresses.snapshot_url(channel, role)))

    def set_synchronization_point(self, call: Call) -> Element:
        channel, role = profile_of(self._layout, call, "tr2:ProfileToken")
        self._streams.of(channel, role).request_key()
        return done("tr2:SetSynchronizationPoint")
