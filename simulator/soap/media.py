"""The Media service, version 1 (ONVIF Media Service Specification). It cannot speak of H.265."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.layout import ROLES, ChannelSpec, Role
from simulator.soap import capabilities
from simulator.soap import configurations as parts
from simulator.soap.service import Call, SoapFault, done, no_such, operation
from simulator.soap.xml import Element, child, el, text_of

if TYPE_CHECKING:
    from simulator.recorder import Recorder


def _profile(recorder: Recorder, channel: ChannelSpec, role: Role, name: str) -> Element:
    audio = (
        parts.audio_source_configuration(recorder, channel, "tt:AudioSourceConfiguration") if channel.audio else None
    )
    return el(
        name,
        el("tt:Name", parts.profile_name(recorder, channel, role)),
        parts.video_source_configuration(recorder, channel, "tt:VideoSourceConfiguration"),
        audio,
        parts.video_encoder(recorder, channel, role, "tt:VideoEncoderConfiguration"),
        parts.audio_encoder(recorder, channel, role, "tt:AudioEncoderConfiguration"),
        parts.ptz_configuration("tt:PTZConfiguration") if channel.has_ptz else None,
        attributes={"token": channel.profile_token(role), "fixed": True},
    )


def _visible(call: Call, name: str) -> tuple[ChannelSpec, Role]:
    channel, role = call.profile(name)
    if not parts.is_visible_in_media1(call.recorder, channel, role):
        raise no_such("ter:NoProfile", "media profile")
    return channel, role


@operation("trt:GetServiceCapabilities", pre_auth=True)
def get_service_capabilities(call: Call) -> Element:
    return el("trt:GetServiceCapabilitiesResponse", capabilities.media(2 * len(call.recorder.layout)))


@operation("trt:GetProfiles")
def get_profiles(call: Call) -> Element:
    profiles = [
        _profile(call.recorder, channel, role, "trt:Profiles")
        for channel in call.recorder.layout
        for role in ROLES
        if parts.is_visible_in_media1(call.recorder, channel, role)
    ]
    return el("trt:GetProfilesResponse", *profiles)


@operation("trt:GetProfile")
def get_profile(call: Call) -> Element:
    channel, role = _visible(call, "trt:ProfileToken")
    return el("trt:GetProfileResponse", _profile(call.recorder, channel, role, "trt:Profile"))


@operation("trt:GetVideoSources")
def get_video_sources(call: Call) -> Element:
    return el("trt:GetVideoSourcesResponse", *(parts.video_source(channel) for channel in call.recorder.layout))


@operation("trt:GetAudioSources")
def get_audio_sources(call: Call) -> Element:
    sources = [
        el("trt:AudioSources", el("tt:Channels", 1), attributes={"token": channel.audio_source_token})
        for channel in call.recorder.layout
        if channel.audio
    ]
    return el("trt:GetAudioSourcesResponse", *sources)


@operation("trt:GetVideoSourceConfigurations")
def get_video_source_configurations(call: Call) -> Element:
    made = [
        parts.video_source_configuration(call.recorder, channel, "trt:Configurations")
        for channel in call.recorder.layout
    ]
    return el("trt:GetVideoSourceConfigurationsResponse", *made)


@operation("trt:GetAudioSourceConfigurations")
def get_audio_source_configurations(call: Call) -> Element:
    made = [
        parts.audio_source_configuration(call.recorder, channel, "trt:Configurations")
        for channel in call.recorder.layout
        if channel.audio
    ]
    return el("trt:GetAudioSourceConfigurationsResponse", *made)


@operation("trt:GetVideoEncoderConfigurations")
def get_video_encoder_configurations(call: Call) -> Element:
    made = parts.each_stream(call.recorder, parts.video_encoder, "trt:Configurations", with_h265=False)
    return el("trt:GetVideoEncoderConfigurationsResponse", *made)


@operation("trt:GetVideoEncoderConfiguration")
def get_video_encoder_configuration(call: Call) -> Element:
    token = call.text("trt:ConfigurationToken")
    for made in parts.each_stream(call.recorder, parts.video_encoder, "trt:Configuration", with_h265=False):
        if made.get("token") == token:
            return el("trt:GetVideoEncoderConfigurationResponse", made)
    raise no_such("ter:NoConfig", "configuration")


@operation("trt:GetVideoEncoderConfigurationOptions")
def get_video_encoder_configuration_options(call: Call) -> Element:
    sizes = {(spec.width, spec.height) for channel in call.recorder.layout for spec in (channel.main, channel.sub)}

    def limits(name: str, low: int, high: int) -> Element:
        return el(name, el("tt:Min", low), el("tt:Max", high))

    h264 = el(
        "tt:H264",
        *(el("tt:ResolutionsAvailable", el("tt:Width", width), el("tt:Height", high)) for width, high in sorted(sizes)),
        limits("tt:GovLengthRange", 25, 250),
        limits("tt:FrameRateRange", 15, 25),
        limits("tt:EncodingIntervalRange", 1, 1),
        el("tt:H264ProfilesSupported", "Baseline"),
    )
    options = el("trt:Options", limits("tt:QualityRange", 1, 6), h264)
    return el("trt:GetVideoEncoderConfigurationOptionsResponse", options)


@operation("trt:GetAudioEncoderConfigurations")
def get_audio_encoder_configurations(call: Call) -> Element:
    made = parts.each_stream(call.recorder, parts.audio_encoder, "trt:Configurations", with_h265=False)
    return el("trt:GetAudioEncoderConfigurationsResponse", *made)


@operation("trt:GetGuaranteedNumberOfVideoEncoderInstances")
def get_guaranteed_number(call: Call) -> Element:
    tokens = {parts.source_configuration_token(channel) for channel in call.recorder.layout}
    if call.text("trt:ConfigurationToken") not in tokens:
        raise no_such("ter:NoConfig", "configuration")
    return el("trt:GetGuaranteedNumberOfVideoEncoderInstancesResponse", el("trt:TotalNumber", 2), el("trt:H264", 2))


@operation("trt:GetStreamUri")
def get_stream_uri(call: Call) -> Element:
    channel, role = _visible(call, "trt:ProfileToken")
    setup = child(call.body, "trt:StreamSetup")
    if text_of(setup, "tt:Stream") == "RTP-Multicast":
        raise SoapFault("Sender", "ter:InvalidArgVal", "ter:InvalidStreamSetup", reason="No multicast here")
    return el("trt:GetStreamUriResponse", _media_uri(call.recorder.live_url(channel, role)))


@operation("trt:GetSnapshotUri")
def get_snapshot_uri(call: Call) -> Element:
    channel, role = _visible(call, "trt:ProfileToken")
    return el("trt:GetSnapshotUriResponse", _media_uri(call.recorder.snapshot_url(channel, role)))


def _media_uri(uri: str) -> Element:
    return el(
        "trt:MediaUri",
        el("tt:Uri", uri),
        el("tt:InvalidAfterConnect", False),
        el("tt:InvalidAfterReboot", False),
        el("tt:Timeout", "PT0S"),
    )


@operation("trt:SetSynchronizationPoint")
def set_synchronization_point(call: Call) -> Element:
    channel, role = _visible(call, "trt:ProfileToken")
    call.recorder.streams[channel.number, role].request_key()
    return done("trt:SetSynchronizationPoint")
