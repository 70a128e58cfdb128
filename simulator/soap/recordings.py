"""The Recording Control and Replay services: the catalogue, and where it would be played from."""

from __future__ import annotations

from simulator.archive import KEPT_DAYS, Recording, find, recordings
from simulator.clock import as_xml_time
from simulator.soap import capabilities
from simulator.soap.service import Call, SoapFault, done, no_such, operation
from simulator.soap.xml import Element, child, el, parse_duration, text_of

_REPLAY_TIMEOUT = "PT60S"


def source_information(call: Call, recording: Recording) -> Element:
    """Where a recording comes from: its SourceId is the video source, as many recorders have it."""
    channel = recording.channel
    return el(
        "tt:Source",
        el("tt:SourceId", channel.video_source_token),
        el("tt:Name", call.recorder.shown_name(channel.name)[:64]),
        el("tt:Location", ""),
        el("tt:Description", f"Channel {channel.number}"),
        el("tt:Address", call.recorder.onvif_url("/onvif/device_service")),
    )


def found(call: Call, name: str) -> Recording:
    """The recording that a parameter names; a fault when there is none."""
    recording = find(call.recorder, call.text(name))
    if recording is None:
        raise no_such("ter:NoRecording", "recording")
    return recording


@operation("trc:GetServiceCapabilities", pre_auth=True)
def get_service_capabilities(call: Call) -> Element:
    return el("trc:GetServiceCapabilitiesResponse", capabilities.recording(len(call.recorder.layout)))


def _configuration(call: Call, recording: Recording, name: str) -> Element:
    return el(
        name,
        source_information(call, recording),
        el("tt:Content", "Continuous"),
        el("tt:MaximumRetentionTime", f"P{KEPT_DAYS}D"),
    )


@operation("trc:GetRecordings")
def get_recordings(call: Call) -> Element:
    items = []
    for recording in recordings(call.recorder):
        tracks = [
            el(
                "tt:Track",
                el("tt:TrackToken", token),
                el("tt:Configuration", el("tt:TrackType", kind), el("tt:Description", "")),
            )
            for token, kind in recording.tracks()
        ]
        items.append(
            el(
                "trc:RecordingItem",
                el("tt:RecordingToken", recording.token),
                _configuration(call, recording, "tt:Configuration"),
                el("tt:Tracks", *tracks),
            )
        )
    return el("trc:GetRecordingsResponse", *items)


@operation("trc:GetRecordingConfiguration")
def get_recording_configuration(call: Call) -> Element:
    recording = found(call, "trc:RecordingToken")
    return el("trc:GetRecordingConfigurationResponse", _configuration(call, recording, "trc:RecordingConfiguration"))


@operation("trc:GetRecordingJobs")
def get_recording_jobs(call: Call) -> Element:
    items = []
    for recording in recordings(call.recorder):
        kind = {"Type": "http://www.onvif.org/ver10/schema/Profile"}
        token = el("tt:SourceToken", el("tt:Token", recording.channel.profile_token("main")), attributes=kind)
        configuration = el(
            "tt:JobConfiguration",
            el("tt:RecordingToken", recording.token),
            el("tt:Mode", "Active"),
            el("tt:Priority", 1),
            el("tt:Source", token),
        )
        job = el("tt:JobToken", f"RecordingJob{recording.channel.number - 1:03d}")
        items.append(el("trc:JobItem", job, configuration))
    return el("trc:GetRecordingJobsResponse", *items)


# -- replay ------------------------------------------------------------------------------------------------------------


@operation("trp:GetServiceCapabilities", pre_auth=True)
def get_replay_capabilities(_call: Call) -> Element:
    return el("trp:GetServiceCapabilitiesResponse", capabilities.replay())


@operation("trp:GetReplayUri")
def get_replay_uri(call: Call) -> Element:
    recording = found(call, "trp:RecordingToken")
    setup = child(call.body, "trp:StreamSetup")
    if text_of(setup, "tt:Stream") == "RTP-Multicast":
        raise SoapFault("Sender", "ter:InvalidArgVal", "ter:InvalidStreamSetup", reason="No multicast here")
    return el("trp:GetReplayUriResponse", el("trp:Uri", call.recorder.replay_url(recording.channel, recording.token)))


@operation("trp:GetReplayConfiguration")
def get_replay_configuration(_call: Call) -> Element:
    configuration = el("trp:Configuration", el("tt:SessionTimeout", _REPLAY_TIMEOUT))
    return el("trp:GetReplayConfigurationResponse", configuration)


@operation("trp:SetReplayConfiguration")
def set_replay_configuration(call: Call) -> Element:
    """Only the one time-out there is can be set."""
    timeout = parse_duration(text_of(child(call.body, "trp:Configuration"), "tt:SessionTimeout"))
    if timeout is None or timeout.total_seconds() != 60:
        raise SoapFault("Sender", "ter:InvalidArgVal", "ter:ConfigModify", reason=f"Only {_REPLAY_TIMEOUT} can be set")
    return done("trp:SetReplayConfiguration")


def time_element(name: str, recording: Recording, *, is_end: bool) -> Element:
    """The end or the beginning of a recording."""
    return el(name, as_xml_time(recording.latest if is_end else recording.earliest))
