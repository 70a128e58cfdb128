"""The Media services (ver10/media and ver20/media): channels, stream addresses, key frames.

The profiles of both are merged: Media lists no profile that is H.265 only, Media2 is missing on older devices, and if
both list a profile, Media often names a wrong codec for H.265.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from core.errors import (
    CameraAuthFailed,
    CameraBadAnswer,
    CameraUnreachable,
    CameraUnsupported,
    DeviceError,
)
from core.records import AudioFormat, Channel, MediaProfile, Problem, ProfileRole, VideoFormat
from onvif_services import answers
from onvif_services.addresses import rewrite_http, rewrite_rtsp
from onvif_services.answers import Element, child, children, descendants, number, raw_text, text, whole
from onvif_services.connection import CALLS_AT_ONCE, DeviceConnection
from onvif_services.faults import SoapFault, unsupported

MAX_PROFILES = 1024
_SERVICES = ("media", "media2")
_ONLY_SOURCE = "video"  # our token for the source of a device that names none

# tt:VideoEncoding, and the RTP payload names that Media2 uses (RFC 4566 rtpmap), to FFmpeg's codec names.
_VIDEO_CODECS = {
    "H264": "h264",
    "H265": "hevc",
    "HEVC": "hevc",
    "JPEG": "mjpeg",
    "MJPEG": "mjpeg",
    "MPEG4": "mpeg4",
    "MPV4-ES": "mpeg4",
}
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


@dataclass(frozen=True, slots=True)
class _Found:
    """A media profile of one service, and the name of its video source configuration."""

    profile: MediaProfile
    source_name: str


def read_channels(conn: DeviceConnection, *, check_streams: bool = True) -> tuple[Channel, ...]:
    """Return all channels of a device in its own order, numbered from 1; each with its profiles, main first.

    Mark dead channels: without an encoder (camera_no_signal), or, with `check_streams`, without an address of the main
    stream (camera_unreachable). Raise CameraUnsupported if the device has no media service.
    """
    if not set(_SERVICES) & set(conn.services):
        raise unsupported("media")
    with conn.checking("media profiles"):
        found = _read_profiles(conn)
    sources = _source_order(conn, found)
    channels = tuple(
        _channel(number_, token, [item for item in found if item.profile.video_source_token == token])
        for number_, token in enumerate(sources, start=1)
    )
    return _with_stream_problems(conn, _with_names(channels, found)) if check_streams else _with_names(channels, found)


def stream_uri(conn: DeviceConnection, profile_token: str, service: str = "media") -> str:
    """Return the RTSP address of a media profile, at the configured host, without user-info.

    Ask `service` first, and the other media service if that fails. Raise CameraUnsupported, CameraBadAnswer, SoapFault,
    CameraUnreachable or CameraAuthFailed.
    """
    _check_token(profile_token)
    return _ask_services(conn, service, lambda name: _stream_uri_of(conn, profile_token, name))


def snapshot_uri(conn: DeviceConnection, profile_token: str, service: str = "media") -> str:
    """Return the address of a media profile's JPEG snapshot, at the configured host and ONVIF port."""
    _check_token(profile_token)

    def ask(name: str) -> str:
        answer = conn.call(name, "GetSnapshotUri", {"ProfileToken": profile_token})
        return rewrite_http(_uri_in(answer), conn.host, conn.port)

    return _ask_services(conn, service, ask)


def request_key_frame(conn: DeviceConnection, profile_token: str, service: str = "media") -> None:
    """Ask the device to send a key frame now (SetSynchronizationPoint). Devices may ignore this."""
    _check_token(profile_token)

    def ask(name: str) -> str:
        conn.call(name, "SetSynchronizationPoint", {"ProfileToken": profile_token})
        return ""

    _ask_services(conn, service, ask)


def _stream_uri_of(conn: DeviceConnection, profile_token: str, service: str) -> str:
    if service == "media2":
        params = {"Protocol": "RTSP", "ProfileToken": profile_token}
    else:
        setup = {"Stream": "RTP-Unicast", "Transport": {"Protocol": "RTSP"}}
        params = {"StreamSetup": setup, "ProfileToken": profile_token}  # type: ignore[dict-item] # zeep's nested form
    return rewrite_rtsp(_uri_in(conn.call(service, "GetStreamUri", params)), conn.host)


def _uri_in(answer: Element) -> str:
    """Return tt:MediaUri/tt:Uri of Media or the bare Uri of Media2. Raise CameraBadAnswer if it is empty."""
    uri = raw_text(answer, "MediaUri", "Uri") or raw_text(answer, "Uri")
    if not uri:
        uri = next((raw_text(item) for item in descendants(answer, "Uri")), "")
    if not uri:
        raise CameraBadAnswer("The device answers with an empty address.")
    return uri


def _ask_services(conn: DeviceConnection, service: str, ask: Callable[[str], str]) -> str:
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


def _read_profiles(conn: DeviceConnection) -> list[_Found]:
    """Return the profiles of both services, merged by token: those of Media first, then those of Media2 only."""
    found: dict[str, _Found] = {}
    problem: DeviceError | None = None
    for service in (name for name in _SERVICES if name in conn.services):
        try:
            listed = _profiles_of(conn, service)
        except (SoapFault, CameraUnsupported, CameraBadAnswer) as error:
            conn.note(f"profiles of {service}", error.code, error.detail)
            problem = error
            continue
        conn.note(f"profiles of {service}", "ok", f"{len(listed)} media profiles")
        for item in listed:
            token = item.profile.profile_token
            found[token] = _merged(found[token], item) if token in found else item
    if not found and problem is not None:
        raise problem
    return _with_sources(list(found.values()))


def _with_sources(found: list[_Found]) -> list[_Found]:
    """Assign profiles without a video source to the device's only source; if it has several, to one of their own."""
    named = {item.profile.video_source_token for item in found} - {""}

    def source_of(profile: MediaProfile) -> str:
        return profile.profile_token if len(named) > 1 else next(iter(named), _ONLY_SOURCE)

    return [
        item
        if item.profile.video_source_token
        else replace(item, profile=replace(item.profile, video_source_token=source_of(item.profile)))
        for item in found
    ]


def _profiles_of(conn: DeviceConnection, service: str) -> list[_Found]:
    answer = conn.call(service, "GetProfiles", {"Type": ["All"]} if service == "media2" else {})
    found = [
        _profile(item, service) for _, item in zip(range(MAX_PROFILES), children(answer, "Profiles"), strict=False)
    ]
    return [item for item in found if item is not None]


def _merged(first: _Found, second: _Found) -> _Found:
    """Merge a profile that both services list. Take a differing codec from Media2, which can name more codecs."""
    profile, newer = first.profile, second.profile
    if newer.video and (profile.video is None or profile.video.codec != newer.video.codec):
        profile = replace(profile, video=newer.video, service="media2")
    return _Found(
        replace(
            profile,
            audio=profile.audio or newer.audio,
            has_ptz=profile.has_ptz or newer.has_ptz,
            video_source_token=profile.video_source_token or newer.video_source_token,
        ),
        first.source_name or second.source_name,
    )


def _profile(item: Element, service: str) -> _Found | None:
    token = answers.token(item)
    if not token:
        return None
    inside = child(item, "Configurations") if service == "media2" else item
    suffix = "" if service == "media2" else "Configuration"
    source = child(inside, "VideoSource" + suffix)
    encoder = child(inside, "VideoEncoder" + suffix)
    if source is None and encoder is None:
        return None  # audio or metadata only
    source_token = answers.checked_token(raw_text(source, "SourceToken"))
    profile = MediaProfile(
        profile_token=token,
        name=text(item, "Name") or answers.clean(token),
        video_source_token=source_token,
        video=_video(encoder),
        audio=_audio(child(inside, "AudioEncoder" + suffix)),
        has_ptz=child(inside, "PTZ" + suffix) is not None,
        service=service,
    )
    return _Found(profile, text(source, "Name"))


def _video(encoder: Element | None) -> VideoFormat | None:
    codec = _VIDEO_CODECS.get(raw_text(encoder, "Encoding").upper())
    if encoder is None or codec is None:
        return None
    gop = raw_text(encoder, "H264", "GovLength") or raw_text(encoder, "H265", "GovLength") or encoder.get("GovLength")
    return VideoFormat(
        codec=codec,
        width=whole(raw_text(encoder, "Resolution", "Width"), low=1, high=65535),
        height=whole(raw_text(encoder, "Resolution", "Height"), low=1, high=65535),
        fps=number(raw_text(encoder, "RateControl", "FrameRateLimit"), low=0.01, high=1000),
        bitrate_kbps=whole(raw_text(encoder, "RateControl", "BitrateLimit"), low=1, high=1_000_000),
        gop=whole(gop, low=1, high=100_000),
    )


def _audio(encoder: Element | None) -> AudioFormat | None:
    codec = _AUDIO_CODECS.get(raw_text(encoder, "Encoding").upper())
    if codec is None:
        return None
    rate = whole(raw_text(encoder, "SampleRate"), low=1, high=400_000)
    return AudioFormat(codec, rate * 1000 if rate and rate < 1000 else rate)  # the schema says kHz


# -- channels ----------------------------------------------------------------------------------


def _source_order(conn: DeviceConnection, found: Sequence[_Found]) -> list[str]:
    """Return the video source tokens in the device's own order: of GetVideoSources, then of the profiles."""
    order: dict[str, None] = {}
    if "media" in conn.services:
        try:
            listed = conn.call("media", "GetVideoSources")
        except (SoapFault, CameraUnsupported, CameraBadAnswer):
            pass
        else:
            for item in children(listed, "VideoSources"):
                if token := answers.token(item):
                    order[token] = None
    for each in found:
        order[each.profile.video_source_token] = None
    return list(order)[:MAX_PROFILES]


def _channel(number_: int, source_token: str, found: Sequence[_Found]) -> Channel:
    profiles = with_roles([item.profile for item in found])
    problem = None
    if not any(profile.video for profile in profiles):
        problem = Problem("camera_no_signal", "The device lists this input without a video stream.")
    return Channel(number_, f"Channel {number_}", source_token, profiles, position=number_, problem=problem)


def with_roles(profiles: Iterable[MediaProfile]) -> tuple[MediaProfile, ...]:
    """Return the profiles with roles: main, sub, then the others.

    Main has the most pixels, among H.264 and H.265 if there are such profiles. Sub is the first other profile with
    fewer pixels, in the order in which vendors number tokens (`MediaProfile00000`, `00001`, `00002`); otherwise the
    first other profile.
    """
    ordered = sorted(profiles, key=lambda profile: _natural(profile.profile_token))
    playable = [item for item in ordered if item.video and item.video.codec in {"h264", "hevc"}]
    candidates = playable or [item for item in ordered if item.video]
    if not candidates:
        return tuple(ordered)
    main = max(candidates, key=_pixels)  # max keeps the first of equals
    rest = [item for item in candidates if item is not main]
    sub = next((item for item in rest if _pixels(item) < _pixels(main)), rest[0] if rest else None)
    chosen = [replace(main, role=ProfileRole.MAIN)]
    if sub is not None:
        chosen.append(replace(sub, role=ProfileRole.SUB))
    return (*chosen, *(item for item in ordered if item is not main and item is not sub))


def _pixels(profile: MediaProfile) -> int:
    video = profile.video
    return (video.width or 0) * (video.height or 0) if video else 0


def _natural(token: str) -> tuple[tuple[int, int, str], ...]:
    """Return a sort key that puts Profile_2 before Profile_10. It never compares a number with a text."""
    parts = re.findall(r"[0-9]{1,18}|[^0-9]+", token)
    return tuple((0, int(part), "") if part[0] in "0123456789" else (1, 0, part) for part in parts)


# Names that makers give to every input and that mean nothing to a person.
_GENERIC_NAME = re.compile(
    r"(user)?[\s_-]*(v(ideo)?[\s_-]*s((ou)?rce?)?|vsc|channel|ch|input|source|video[\s_-]*in(put)?)?"
    r"[\s_-]*(conf(ig(uration)?)?|token|ch(annel)?)?[\s_-]*\d*",
    re.IGNORECASE,
)


def _with_names(channels: tuple[Channel, ...], found: Sequence[_Found]) -> tuple[Channel, ...]:
    """Name channels as the device does, unless its name is generic, equals the token or is used more than once."""
    names: dict[str, str] = {}
    for item in found:
        names.setdefault(item.profile.video_source_token, item.source_name)
    every = list(names.values())

    def named(channel: Channel) -> Channel:
        name = names.get(channel.video_source_token, "")
        is_generic = _GENERIC_NAME.fullmatch(name) or name == channel.video_source_token
        return channel if is_generic or every.count(name) > 1 else replace(channel, name=name)

    return tuple(named(channel) for channel in channels)


def _with_stream_problems(conn: DeviceConnection, channels: tuple[Channel, ...]) -> tuple[Channel, ...]:
    """Ask for the address of every main stream, a few at a time, and mark channels without one."""
    with conn.checking("stream addresses"), ThreadPoolExecutor(CALLS_AT_ONCE, "onvif-streams") as pool:
        return tuple(pool.map(lambda channel: _with_stream_problem(conn, channel), channels))


def _with_stream_problem(conn: DeviceConnection, channel: Channel) -> Channel:
    if channel.problem or not channel.profiles:
        return channel
    main = channel.profiles[0]
    try:
        stream_uri(conn, main.profile_token, main.service)
    except (CameraUnreachable, CameraAuthFailed):
        raise
    except DeviceError:
        problem = Problem("camera_unreachable", "The device returns no stream address for this channel.")
        return replace(channel, problem=problem)
    return channel
