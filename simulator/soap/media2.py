"""The Media2 service (ONVIF Media 2 Service Specification): all profiles, H.265 among them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.layout import ROLES, ChannelSpec, Role
from simulator.soap import capabilities
from simulator.soap import configurations as parts
from simulator.soap.service import Call, SoapFault, done, no_such, operation
from simulator.soap.xml import Element, el, texts_of

if TYPE_CHECKING:
    from simulator.recorder import Recorder

_PROTOCOLS = ("RtspUnicast", "RTSP", "RtspOverHttp", "RtspsUnicast", "RtspsOverHttp", "RtspMulticast", "RtspsMulticast")
_SERVED = ("RtspUnicast", "RTSP")


def _profile(recorder: Recorder, channel: ChannelSpec, role: Role, kinds: set[str]) -> Element:
    """`kinds` are the configurations asked for; without any, the profile is a name and a token."""

    def part(kind: str, made: Element | None) -> Element | None:
        return made if kinds & {"All", kind} else None

    audio = parts.audio_source_configuration(recorder, channel, "tr2:AudioSource") if channel.audio else None
    configurations = el(
        "tr2:Configurations",
        part("VideoSource", parts.video_source_configuration(recorder, channel, "tr2:VideoSource")),
        part("AudioSource", audio),
        part("VideoEncoder", parts.video_encoder2(recorder, channel, role, "tr2:VideoEncoder")),
        part("AudioEncoder", parts.audio_encoder2(recorder, channel, role, "tr2:AudioEncoder")),
        part("PTZ", parts.ptz_configuration("tr2:PTZ") if channel.has_ptz else None),
    )
    return el(
        "tr2:Profiles",
        el("tr2:Name", parts.profile_name(recorder, channel, role)),
        configurations if kinds else None,
        attributes={"token": channel.profile_token(role), "fixed": True},
    )


def _chosen(call: Call, made: list[Element]) -> list[Element]:
    """Those that GetConfiguration's parameters ask for; a profile's are those that carry its number."""
    if token := call.text("tr2:ConfigurationToken"):
        found = [element for element in made if element.get("token") == token]
        if not found:
            raise no_such("ter:NoConfig", "configuration")
        return found
    if call.text("tr2:ProfileToken"):
        channel, role = call.profile("tr2:ProfileToken")
        own = {parts.video_encoder_token(channel, role), parts.audio_encoder_token(channel, role)}
        own |= {parts.source_configuration_token(channel), parts.audio_configuration_token(channel)}
        return [element for element in made if element.get("token") in own]
    return made


@operation("tr2:GetServiceCapabilities", pre_auth=True)
def get_service_capabilities(call: Call) -> Element:
    return el("tr2:GetServiceCapabilitiesResponse", capabilities.media2(2 * len(call.recorder.layout)))


@operation("tr2:GetProfiles")
def get_profiles(call: Call) -> Element:
    kinds = set(texts_of(call.body, "tr2:Type"))
    chosen = [call.profile("tr2:Token")] if call.text("tr2:Token") else None
    everything = [(channel, role) for channel in call.recorder.layout for role in ROLES]
    made = [_profile(call.recorder, channel, role, kinds) for channel, role in chosen or everything]
    return el("tr2:GetProfilesResponse", *made)


@operation("tr2:GetVideoSourceConfigurations")
def get_video_source_configurations(call: Call) -> Element:
    made = [
        parts.video_source_configuration(call.recorder, channel, "tr2:Configurations")
        for channel in call.recorder.layout
    ]
    return el("tr2:GetVideoSourceConfigurationsResponse", *_chosen(call, made))


@operation("tr2:GetAudioSourceConfigurations")
def get_audio_source_configurations(call: Call) -> Element:
    made = [
        parts.audio_source_configuration(call.recorder, channel, "tr2:Configurations")
        for channel in call.recorder.layout
        if channel.audio
    ]
    return el("tr2:GetAudioSourceConfigurationsResponse", *_chosen(call, made))


@operation("tr2:GetVideoEncoderConfigurations")
def get_video_encoder_configurations(call: Call) -> Element:
    made = parts.each_stream(call.recorder, parts.video_encoder2, "tr2:Configurations")
    return el("tr2:GetVideoEncoderConfigurationsResponse", *_chosen(call, made))


@operation("tr2:GetAudioEncoderConfigurations")
def get_audio_encoder_configurations(call: Call) -> Element:
    made = parts.each_stream(call.recorder, parts.audio_encoder2, "tr2:Configurations")
    return el("tr2:GetAudioEncoderConfigurationsResponse", *_chosen(call, made))


@operation("tr2:GetVideoEncoderConfigurationOptions")
def get_video_encoder_configuration_options(call: Call) -> Element:
    sizes = sorted(
        {(spec.width, spec.height) for channel in call.recorder.layout for spec in (channel.main, channel.sub)}
    )

    def options(encoding: str, profile: str) -> Element:
        return el(
            "tr2:Options",
            el("tt:Encoding", encoding),
            el("tt:QualityRange", el("tt:Min", 1.0), el("tt:Max", 6.0)),
            *(el("tt:ResolutionsAvailable", el("tt:Width", wide), el("tt:Height", high)) for wide, high in sizes),
            el("tt:BitrateRange", el("tt:Min", 64), el("tt:Max", 8192)),
            attributes={"GovLengthRange": "25 250", "FrameRatesSupported": "15 25", "ProfilesSupported": profile},
        )

    return el("tr2:GetVideoEncoderConfigurationOptionsResponse", options("H264", "Baseline"), options("H265", "Main"))


@operation("tr2:GetVideoEncoderInstances")
def get_video_encoder_instances(call: Call) -> Element:
    tokens = {parts.source_configuration_token(channel) for channel in call.recorder.layout}
    if call.text("tr2:ConfigurationToken") not in tokens:
        raise no_such("ter:NoConfig", "configuration")
    return el("tr2:GetVideoEncoderInstancesResponse", el("tr2:Info", el("tr2:Total", 2)))


@operation("tr2:GetStreamUri")
def get_stream_uri(call: Call) -> Element:
    channel, role = call.profile("tr2:ProfileToken")
    protocol = call.text("tr2:Protocol")
    if protocol not in _SERVED:
        known = "is not served" if protocol in _PROTOCOLS else "does not exist"
        raise SoapFault("Sender", "ter:InvalidArgVal", "ter:InvalidStreamSetup", reason=f"The protocol {known}")
    return el("tr2:GetStreamUriResponse", el("tr2:Uri", call.recorder.live_url(channel, role)))


@operation("tr2:GetSnapshotUri")
def get_snapshot_uri(call: Call) -> Element:
    channel, role = call.profile("tr2:ProfileToken")
    return el("tr2:GetSnapshotUriResponse", el("tr2:Uri", call.recorder.snapshot_url(channel, role)))


@operation("tr2:SetSynchronizationPoint")
def set_synchronization_point(call: Call) -> Element:
    channel, role = call.profile("tr2:ProfileToken")
    call.recorder.streams[channel.number, role].request_key()
    return done("tr2:SetSynchronizationPoint")
