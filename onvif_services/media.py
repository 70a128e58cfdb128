"""The Media services (ver10/media and ver20/media): channels, stream addresses, key frames."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from typing import Any, TypeVar

from core.errors import (
    CameraAuthFailed,
    CameraBadAnswer,
    CameraUnreachable,
    CameraUnsupported,
    CertificateChanged,
    DeviceError,
)
from core.records import AudioFormat, Channel, MediaProfile, Problem, VideoFormat
from onvif_services import answers
from onvif_services.addresses import rewrite_rtsp
from onvif_services.answers import Element, child, children, descendants, number, raw_text, text, whole
from onvif_services.channels import make_channels
from onvif_services.connection import CALLS_AT_ONCE, DeviceConnection
from onvif_services.faults import DeviceBusy, NoAnswer, SoapFault, unsupported
from onvif_services.inputs import FoundProfile, group_by_input, without_shared_tokens
from onvif_services.media_lists import merge_services
from onvif_services.places import NamedAddress
from onvif_services.profile_roles import with_true_kbps

_T = TypeVar("_T")

MAX_PROFILES = 1024
_SERVICES = ("media", "media2")
# The values of tt:TransportProtocol, and those of Media2, in the order to try them.
TRANSPORTS = ("RTSP", "UDP", "HTTP")
_TRANSPORTS = {"media": TRANSPORTS, "media2": ("RTSP", "RtspUnicast", "RtspOverHttp")}
TUNNELS = frozenset({"HTTP", "RtspOverHttp"})
_KEY_FRAME_AGAIN_S = 300.0
_NO_CHANNELS = (
    "The device lists no media profiles. It may still be starting; otherwise it needs a profile in its own settings."
)
_MOST_SILENT = 3  # channels whose stream address the device does not tell, before the others are not asked for

# tt:VideoEncoding, and the RTP payload names that Media2 uses (RFC 4566 rtpmap), to FFmpeg's codec names: the first
# letters and digits of a name count, because makers add to it ("H.264", "H265+", "H264 High Profile").
_VIDEO_CODECS = (
    *(("H264", "h264"), ("AVC", "h264"), ("MPEG4AVC", "h264"), ("MPEG4PART10", "h264")),
    *(("H265", "hevc"), ("HEVC", "hevc"), ("H266", "vvc"), ("VVC", "vvc")),
    *(("JPEG", "mjpeg"), ("MJPEG", "mjpeg"), ("MPEG4", "mpeg4"), ("MPV4", "mpeg4"), ("MP4V", "mpeg4")),
    *(("AV1", "av1"), ("VP8", "vp8"), ("VP9", "vp9"), ("H263", "h263")),
)
# G711 of Media may be A-law or mu-law; the SDP of the stream tells which.
_AUDIO_CODECS = {
    "G711": "pcm_mulaw",
    "PCMU": "pcm_mulaw",
    "PCMA": "pcm_alaw",
    "AAC": "aac",
    "MP4A-LATM": "aac",
    "MPEG4-GENERIC": "aac",
    "G722": "adpcm_g722",
    "G726": "g726",
}
_IS_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,9}://\S")


def read_channels(conn: DeviceConnection, *, check_streams: bool = True) -> tuple[Channel, ...]:
    """Return all channels of a device in its own order, numbered from 1; each with its profiles, main first.

    Mark dead channels: without an encoder (camera_no_signal), or, with `check_streams`, without an address of the main
    stream (camera_unreachable). Raise CameraUnsupported if the device has no media service.
    """
    if not set(_SERVICES) & set(conn.services):
        raise unsupported("media")
    with conn.checking("media profiles"):
        found = _read_profiles(conn)
    grouped, listed = group_by_input(found, _listed_sources(conn))
    _note_guesses(conn, found, grouped)
    channels = make_channels(grouped, listed)
    if not channels:
        conn.note("media profiles", "camera_no_signal", _NO_CHANNELS)
    return _with_stream_problems(conn, channels) if check_streams else channels


def stream_uri(conn: DeviceConnection, profile_token: str, service: str = "media") -> str:
    """Return the RTSP address of a media profile, at the configured host, without user-info.

    Ask `service` first, and the other media service if that fails. Raise CameraUnsupported, CameraBadAnswer, SoapFault,
    CameraUnreachable or CameraAuthFailed.
    """
    _check_token(profile_token)
    return _ask_services(conn, service, lambda name: _stream_uri_of(conn, profile_token, name))


def snapshot_uri(
    conn: DeviceConnection, profile_token: str, service: str = "media", *, deadline_s: float
) -> NamedAddress:
    """Return the address of a media profile's JPEG snapshot, until a deadline of time.monotonic()."""
    _check_token(profile_token)

    def ask(name: str) -> NamedAddress:
        left_s = max(0.0, deadline_s - time.monotonic())
        answer = conn.call(name, "GetSnapshotUri", {"ProfileToken": profile_token}, timeout_s=left_s)
        return conn.at_host(uri_in(answer))

    return _ask_services(conn, service, ask)


def request_key_frame(conn: DeviceConnection, profile_token: str, service: str = "media") -> None:
    """Ask the device to send a key frame now (SetSynchronizationPoint). Devices may ignore this.

    A device that has refused this is not asked again over this connection, one that has not answered is not asked again
    for some minutes: raise CameraUnsupported.
    """
    _check_token(profile_token)
    if time.monotonic() < conn.refused_key_frames.get(profile_token, -math.inf):
        raise unsupported("media", "SetSynchronizationPoint")
    try:
        _ask_services(
            conn, service, lambda name: conn.call(name, "SetSynchronizationPoint", {"ProfileToken": profile_token})
        )
    except (SoapFault, CameraUnsupported):
        conn.refused_key_frames[profile_token] = math.inf
        raise
    except (CameraBadAnswer, NoAnswer):  # a recorder that is busy, maybe because a wall opens
        conn.refused_key_frames[profile_token] = time.monotonic() + _KEY_FRAME_AGAIN_S
        raise


def _stream_uri_of(conn: DeviceConnection, profile_token: str, service: str) -> str:
    """Ask for the address of RTSP over TCP; if the device refuses, for those of other transports.

    Devices name the same address for UDP, or offer only RTSP over HTTP. The next call begins with the transport that
    the device answered last.
    """
    known = conn.stream_transports.get(service)
    refusal: DeviceError | None = None
    for transport in sorted(_TRANSPORTS[service], key=lambda transport: transport != known):
        params: dict[str, Any] = {"ProfileToken": profile_token}
        if service == "media2":
            params["Protocol"] = transport
        else:
            params["StreamSetup"] = {"Stream": "RTP-Unicast", "Transport": {"Protocol": transport}}
        try:
            named = uri_in(conn.call(service, "GetStreamUri", params))
            uri = rewrite_rtsp(named, conn.host, is_tunnel=transport in TUNNELS)
        except (SoapFault, CameraUnsupported, CameraBadAnswer) as error:
            refusal = refusal or error
            continue
        conn.stream_transports[service] = transport
        return uri
    raise refusal or unsupported("media")


def uri_in(answer: Element) -> str:
    """Return tt:MediaUri/tt:Uri of Media or the bare Uri of Media2. Raise CameraBadAnswer if it is empty."""
    uri = raw_text(answer, "MediaUri", "Uri") or raw_text(answer, "Uri")
    if not uri:
        uri = next((raw_text(item) for item in descendants(answer, "Uri")), "")
    if not uri:  # under another name, or in the place of its element
        uri = next((text for item in answer.iter() if _IS_ADDRESS.match(text := raw_text(item))), "")
    if not uri:
        raise CameraBadAnswer("The device answers with an empty address.")
    return uri


def _ask_services(conn: DeviceConnection, service: str, ask: Callable[[str], _T]) -> _T:
    """Return `ask(service)`, or the same of the other media service if the device refuses the first."""
    order = [service, *(name for name in _SERVICES if name != service)]
    offered = [name for name in order if name in conn.services]
    if not offered:
        raise unsupported("media")
    for name in offered[:-1]:
        try:
            return ask(name)
        except (SoapFault, CameraUnsupported, CameraBadAnswer):
            continue
    return ask(offered[-1])


def _check_token(profile_token: str) -> None:
    if not answers.checked_token(profile_token):
        raise CameraUnsupported("This is not a valid token of a media profile.", service="media")


# -- profiles ----------------------------------------------------------------------------------


def _read_profiles(conn: DeviceConnection) -> list[FoundProfile]:
    """Return the profiles of both services. Raise the error of the last service if none can be read."""
    lists: dict[str, list[FoundProfile]] = {name: [] for name in _SERVICES}
    problem: DeviceError | None = None
    for service in (name for name in _SERVICES if name in conn.services):
        try:
            lists[service] = _profiles_of(conn, service)
        except (SoapFault, CameraUnsupported, CameraBadAnswer, NoAnswer, DeviceBusy) as error:
            conn.note(f"profiles of {service}", error.code, error.detail)
            problem = error
            continue
        conn.note(f"profiles of {service}", "ok", f"{len(lists[service])} media profiles")
    if not any(lists.values()) and problem is not None:
        raise problem
    return merge_services(*lists.values())


def _profiles_of(conn: DeviceConnection, service: str) -> list[FoundProfile]:
    answer = conn.call(service, "GetProfiles", {"Type": ["All"]} if service == "media2" else {})
    items = list(islice(_profile_elements(answer), MAX_PROFILES))
    if items and not any(map(answers.token, items)):
        conn.note("profile tokens", "guessed", "The device names no tokens of its profiles; the app uses their names.")
    found = [profile for item in items if (profile := _profile(item, service)) is not None]
    # Some devices list profiles without any configuration. Their streams may play, so these profiles count if no
    # profile has more; otherwise they are those for audio or metadata alone.
    with_video = [item for item in found if item.has_encoder or item.source or item.source_config]
    return without_shared_tokens(with_video or found)


def _profile_elements(answer: Element) -> Iterator[Element]:
    """Return the profiles of an answer; some devices put them one level deeper, or call each of them Profile."""
    places = (children(answer, "Profiles"), descendants(answer, "Profiles"), descendants(answer, "Profile"))
    # An element around the profiles may have their name: it has neither a token nor a name.
    found = ([item for item in place if answers.token(item) or raw_text(item, "Name")] for place in places)
    return iter(next(filter(None, found), []))


def _profile(item: Element, service: str) -> FoundProfile | None:
    token = answers.token(item) or answers.checked_token(raw_text(item, "Name"))
    if not token:
        return None
    inside = child(item, "Configurations") if service == "media2" else item
    suffix = "" if service == "media2" else "Configuration"
    source = child(inside, "VideoSource" + suffix)
    encoder = child(inside, "VideoEncoder" + suffix)
    profile = MediaProfile(
        profile_token=token,
        name=text(item, "Name") or answers.clean(token),
        video_source_token=answers.checked_token(raw_text(source, "SourceToken")),
        video=_video(encoder),
        audio=_audio(child(inside, "AudioEncoder" + suffix)),
        has_ptz=child(inside, "PTZ" + suffix) is not None,
        service=service,
    )
    return FoundProfile(
        profile,
        source_name=text(source, "Name"),
        source_config=answers.token(source),
        encoder=answers.token(encoder),
        has_encoder=encoder is not None,
    )


def _video(encoder: Element | None) -> VideoFormat | None:
    if encoder is None:
        return None
    encoding = re.sub(r"[^A-Z0-9]", "", raw_text(encoder, "Encoding").upper())
    codec = next((name for start, name in _VIDEO_CODECS if encoding.startswith(start)), None)
    if codec is None:
        return None
    gop = raw_text(encoder, "H264", "GovLength") or raw_text(encoder, "H265", "GovLength") or encoder.get("GovLength")
    return with_true_kbps(
        VideoFormat(
            codec=codec,
            width=whole(raw_text(encoder, "Resolution", "Width"), low=1, high=65535),
            height=whole(raw_text(encoder, "Resolution", "Height"), low=1, high=65535),
            fps=number(raw_text(encoder, "RateControl", "FrameRateLimit"), low=0.01, high=1000),
            bitrate_kbps=whole(raw_text(encoder, "RateControl", "BitrateLimit"), low=1),
            gop=whole(gop, low=1, high=100_000),
        )
    )


def _audio(encoder: Element | None) -> AudioFormat | None:
    codec = _AUDIO_CODECS.get(raw_text(encoder, "Encoding").upper())
    if codec is None:
        return None
    rate = whole(raw_text(encoder, "SampleRate"), low=1, high=400_000)
    return AudioFormat(codec, rate * 1000 if rate and rate < 1000 else rate)  # the schema says kHz


# -- channels ----------------------------------------------------------------------------------


def _listed_sources(conn: DeviceConnection) -> list[str]:
    """Return the tokens of GetVideoSources in the device's order; empty if the device cannot list them."""
    if "media" not in conn.services:
        return []
    try:
        listed = conn.call("media", "GetVideoSources")
    except (SoapFault, CameraUnsupported, CameraBadAnswer, NoAnswer, DeviceBusy) as error:
        conn.note("GetVideoSources", "skipped", error.detail)
        return []
    tokens = [answers.token(item) for item in children(listed, "VideoSources")]
    return list(dict.fromkeys(token for token in tokens if token))[:MAX_PROFILES]


def _note_guesses(conn: DeviceConnection, found: list[FoundProfile], grouped: list[FoundProfile]) -> None:
    """Write guessed inputs and shared profile tokens to the health card."""
    before, after = ({item.source for item in items} for items in (found, grouped))
    if before != after:
        detail = f"{len(after)} inputs, by names, configurations and sizes of the profiles, not by the video source"
        conn.note("inputs", "guessed", detail)
    hidden = sum(item.is_hidden for item in found)
    if hidden:
        conn.note("profile tokens", "not unique", f"another input has them, too: {hidden}")


def _with_stream_problems(conn: DeviceConnection, channels: tuple[Channel, ...]) -> tuple[Channel, ...]:
    """Ask for the address of every main stream, a few at a time, and mark channels without one.

    Raise NoAnswer if the device answers for no channel: then it is the device that fails, and not a channel.
    """
    errors: list[DeviceError | None] = []  # of the channels that were asked for; None: the device told the address
    was_weak = conn.gets_one_at_a_time
    with conn.checking("stream addresses"), ThreadPoolExecutor(CALLS_AT_ONCE, "onvif-streams") as pool:
        checked = tuple(pool.map(lambda channel: _with_stream_problem(conn, channel, errors), channels))
        is_weak_now = conn.gets_one_at_a_time and not was_weak
        if is_weak_now or sum(isinstance(error, NoAnswer) for error in errors) == 1:
            # The silence may be due to the requests beside it.
            errors[:] = [error for error in errors if not isinstance(error, NoAnswer)]
            pairs = zip(channels, checked, strict=True)
            checked = tuple(_with_stream_problem(conn, old, errors) if new.problem else new for old, new in pairs)
        silent = [error for error in errors if isinstance(error, NoAnswer)]
        if silent and None not in errors:
            raise silent[0]
        return checked


def _with_stream_problem(conn: DeviceConnection, channel: Channel, errors: list[DeviceError | None]) -> Channel:
    if channel.problem or not channel.profiles:
        return channel
    main = channel.profiles[0]
    if sum(isinstance(error, NoAnswer) for error in errors) >= _MOST_SILENT:
        return channel  # each further one would cost a time limit; a session will find out
    try:
        stream_uri(conn, main.profile_token, main.service)
    except NoAnswer as error:
        errors.append(error)
        return replace(channel, problem=Problem("camera_unreachable", error.detail))
    except (CameraUnreachable, CameraAuthFailed, CertificateChanged):
        raise
    except DeviceError as error:
        errors.append(error)
        problem = Problem("camera_unreachable", "The device returns no stream address for this channel.")
        return replace(channel, problem=problem)
    errors.append(None)
    return channel
