"""The Media service, version 1 (ONVIF Media Service Specification). It cannot name H.265."""

from __future__ import annotations

from simulator.addresses import Addresses
from simulator.layout import ROLES, ChannelSpec, Layout, Role
from simulator.live import LiveStreams
from simulator.soap import capabilities
from simulator.soap.configurations import Configurations, source_configuration_token, video_source
from simulator.soap.service import PATHS, Call, Handler, SoapFault, SoapService, done, no_such, profile_of
from simulator.soap.xml import Element, child, el, text_of


def _media_uri(uri: str) -> Element:
    return el(
        "trt:MediaUri",
        el("tt:Uri", uri),
        el("tt:InvalidAfterConnect", False),
        el("tt:InvalidAfterReboot", False),
        el("tt:Timeout", "PT0S"),
    )


class MediaService(SoapService):
    """Media profiles, their configurations, stream and snapshot URIs; profiles with H.265 are missing."""

    path = PATHS["trt"]

    def __init__(
        self, layout: Layout, configurations: Configurations, addresses: Addresses, streams: LiveStreams
    ) -> None:
        self._layout, self._configurations = layout, configurations
        self._addresses, self._streams = addresses, streams

    def operations(self) -> dict[str, Handler]:
        return {
            "trt:GetServiceCapabilities": self.get_service_capabilities,
            "trt:GetProfiles": self.get_profiles,
            "trt:GetProfile": self.get_profile,
            "trt:GetVideoSources": self.get_video_sources,
            "trt:GetAudioSources": self.get_audio_sources,
            "trt:GetVideoSourceConfigurations": self.get_video_source_configurations,
            "trt:GetAudioSourceConfigurations": self.get_audio_source_configurations,
            "trt:GetVideoEncoderConfigurations": self.get_video_encoder_configurations,
            "trt:GetVideoEncoderConfiguration": self.get_video_encoder_configuration,
            "trt:GetVideoEncoderConfigurationOptions": self.get_video_encoder_configuration_options,
            "trt:GetAudioEncoderConfigurations": self.get_audio_encoder_configurations,
            "trt:GetGuaranteedNumberOfVideoEncoderInstances": self.get_guaranteed_number,
            "trt:GetStreamUri": self.get_stream_uri,
            "trt:GetSnapshotUri": self.get_snapshot_uri,
            "trt:SetSynchronizationPoint": self.set_synchronization_point,
        }

    def _visible(self, call: Call, name: str) -> tuple[ChannelSpec, Role]:
        channel, role = profile_of(self._layout, call, name)
        if not self._configurations.is_visible_in_media1(channel, role):
            raise no_such("ter:NoProfile", "media profile")
        return channel, role

    def _profile(self, channel: ChannelSpec, role: Role, name: str) -> Element:
        audio = (
            self._configurations.audio_source_configuration(channel, "tt:AudioSourceConfiguration")
            if channel.audio
            else None
        )
        return el(
            name,
            el("tt:Name", self._configurations.profile_name(channel, role)),
            self._configurations.video_source_configuration(channel, "tt:VideoSourceConfiguration"),
            audio,
            self._configurations.video_encoder(channel, role, "tt:VideoEncoderConfiguration"),
            self._configurations.audio_encoder(channel, role, "tt:AudioEncoderConfiguration"),
            self._configurations.ptz_configuration("tt:PTZConfiguration")
            if self._configurations.has_ptz_configuration(channel, role)
            else None,
            attributes={"token": channel.profile_token(role), "fixed": True},
        )

    def get_service_capabilities(self, _call: Call) -> Element:
        return el("trt:GetServiceCapabilitiesResponse", capabilities.media(2 * len(self._layout)))

    def get_profiles(self, _call: Call) -> Element:
        profiles = [
            self._profile(channel, role, "trt:Profiles")
            for channel in self._layout
            for role in ROLES
            if self._configurations.is_visible_in_media1(channel, role)
        ]
        return el("trt:GetProfilesResponse", *profiles)

    def get_profile(self, call: Call) -> Element:
        channel, role = self._visible(call, "trt:ProfileToken")
        return el("trt:GetProfileResponse", self._profile(channel, role, "trt:Profile"))

    def get_video_sources(self, _call: Call) -> Element:
        return el("trt:GetVideoSourcesResponse", *(video_source(channel) for channel in self._layout))

    def get_audio_sources(self, _call: Call) -> Element:
        sources = [
            el("trt:AudioSources", el("tt:Channels", 1), attributes={"token": channel.audio_source_token})
            for channel in self._layout
            if channel.audio
        ]
        return el("trt:GetAudioSourcesResponse", *sources)

    def get_video_source_configurations(self, _call: Call) -> Element:
        made = [
            self._configurations.video_source_configuration(channel, "trt:Configurations") for channel in self._layout
        ]
        return el("trt:GetVideoSourceConfigurationsResponse", *made)

    def get_audio_source_configurations(self, _call: Call) -> Element:
        made = [
            self._configurations.audio_source_configuration(channel, "trt:Configurations")
            for channel in self._layout
            if channel.audio
        ]
        return el("trt:GetAudioSourceConfigurationsResponse", *made)

    def get_video_encoder_configurations(self, _call: Call) -> Element:
        made = self._configurations.each_stream(
            self._configurations.video_encoder, "trt:Configurations", with_h265=False
        )
        return el("trt:GetVideoEncoderConfigurationsResponse", *made)

    def get_video_encoder_configuration(self, call: Call) -> Element:
        token = call.text("trt:ConfigurationToken")
        for made in self._configurations.each_stream(
            self._configurations.video_encoder, "trt:Configuration", with_h265=False
        ):
            if made.get("token") == token:
                return el("trt:GetVideoEncoderConfigurationResponse", made)
        raise no_such("ter:NoConfig", "configuration")

    def get_video_encoder_configuration_options(self, _call: Call) -> Element:
        sizes = {(spec.width, spec.height) for channel in self._layout for spec in (channel.main, channel.sub)}

        def limits(name: str, low: int, high: int) -> Element:
            return el(name, el("tt:Min", low), el("tt:Max", high))

        h264 = el(
            "tt:H264",
            *(
                el("tt:ResolutionsAvailable", el("tt:Width", width), el("tt:Height", high))
                for width, high in sorted(sizes)
            ),
            limits("tt:GovLengthRange", 25, 250),
            limits("tt:FrameRateRange", 15, 25),
            limits("tt:EncodingIntervalRange", 1, 1),
            el("tt:H264ProfilesSupported", "Baseline"),
        )
        options = el("trt:Options", limits("tt:QualityRange", 1, 6), h264)
        return el("trt:GetVideoEncoderConfigurationOptionsResponse", options)

    def get_audio_encoder_configurations(self, _call: Call) -> Element:
        made = self._configurations.each_stream(
            self._configurations.audio_encoder, "trt:Configurations", with_h265=False
        )
        return el("trt:GetAudioEncoderConfigurationsResponse", *made)

    def get_guaranteed_number(self, call: Call) -> Element:
        tokens = {source_configuration_token(channel) for channel in self._layout}
        if call.text("trt:ConfigurationToken") not in tokens:
            raise no_such("ter:NoConfig", "configuration")
        return el("trt:GetGuaranteedNumberOfVideoEncoderInstancesResponse", el("trt:TotalNumber", 2), el("trt:H264", 2))

    def get_stream_uri(self, call: Call) -> Element:
        channel, role = self._visible(call, "trt:ProfileToken")
        setup = child(call.body, "trt:StreamSetup")
        if text_of(setup, "tt:Stream") == "RTP-Multicast":
            raise SoapFault("Sender", "ter:InvalidArgVal", "ter:InvalidStreamSetup", reason="No multicast here")
        return el("trt:GetStreamUriResponse", _media_uri(self._addresses.live_url(channel, role)))

    def get_snapshot_uri(self, call: Call) -> Element:
        channel, role = self._visible(call, "trt:ProfileToken")
        return el("trt:GetSnapshotUriResponse", _media_uri(self._addresses.snapshot_url(channel, role)))

    def set_synchronization_point(self, call: Call) -> Element:
        channel, role = self._visible(call, "trt:ProfileToken")
        self._streams.of(channel, role).request_key()
        return done("trt:SetSynchronizationPoint")
