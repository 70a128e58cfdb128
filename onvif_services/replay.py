"""The Replay service (ver10/replay): RTSP addresses of recordings, also in makers' own forms."""

from __future__ import annotations

import re

from core.errors import CameraBadAnswer, CameraUnsupported, InvalidRequest
from core.recordings import MakersReplay
from core.zones import has_changes, zone_offset_s
from onvif_services import answers
from onvif_services.addresses import authority, rewrite_rtsp
from onvif_services.connection import DeviceConnection
from onvif_services.device import read_known_zone_s, read_zone_name, read_zone_s
from onvif_services.faults import DeviceBusy, NoAnswer, SoapFault, unsupported
from onvif_services.media import TRANSPORTS, TUNNELS, uri_in

_OPTIONAL_S = 5.0
# Makers, and brands under which their devices are sold.
_DAHUA = re.compile(r"\b(dahua|amcrest|imou)\b", re.IGNORECASE)
_HIKVISION = re.compile(r"\b(hikvision|hiwatch|hilook)\b", re.IGNORECASE)


def replay_uri(conn: DeviceConnection, recording_token: str) -> str:
    """Return the RTSP address of a recording (GetReplayUri), at the configured host, without user-info.

    Its query is kept: Axis puts the recording's name and session_timeout there. The start time is not part of the
    address but of PLAY (ONVIF Streaming, Replay). Raise InvalidRequest for an impossible token, CameraUnsupported
    (service "replay"), SoapFault, CameraBadAnswer, CameraUnreachable or CameraAuthFailed.
    """
    if not answers.checked_token(recording_token):
        raise InvalidRequest.of_field("recording_token", "this is not a valid token")
    with conn.checking("replay"):
        if "replay" not in conn.services:
            raise unsupported("replay")
        refusal: SoapFault | CameraBadAnswer | None = None
        for transport in TRANSPORTS:
            setup = {"Stream": "RTP-Unicast", "Transport": {"Protocol": transport}}
            try:
                answer = conn.call("replay", "GetReplayUri", {"StreamSetup": setup, "RecordingToken": recording_token})
                return rewrite_rtsp(uri_in(answer), conn.host, is_tunnel=transport in TUNNELS)
            except (SoapFault, CameraBadAnswer) as error:
                refusal = refusal or error
                if isinstance(error, SoapFault) and error.has_code("NoRecording", "InvalidToken"):
                    break
        raise refusal or unsupported("replay")


def zone(conn: DeviceConnection) -> tuple[float, str]:
    """Return the device's present local time minus UTC (0 if it does not tell), and its zone if it fits.

    Otherwise, and without summer time, the zone is "".
    """
    answer = conn.call("device", "GetSystemDateAndTime")
    found_s, name = read_zone_s(answer), read_zone_name(answer)
    fits = has_changes(name) and zone_offset_s(name, conn.device_clock.now_utc().timestamp()) == found_s
    return found_s, name if fits else ""


def known_zone_s(conn: DeviceConnection) -> float | None:
    """Return the device's present local time minus UTC in seconds; None if the device does not tell it."""
    try:
        with conn.checking("time zone"):
            return read_known_zone_s(conn.call("device", "GetSystemDateAndTime", timeout_s=_OPTIONAL_S))
    except (CameraBadAnswer, CameraUnsupported, SoapFault, NoAnswer, DeviceBusy):
        return None


def makers_replays(
    manufacturer: str, channel_number: int, host: str, rtsp_port: int, zone_s: float = 0.0
) -> tuple[MakersReplay, ...]:
    """Return a known maker's own addresses of a channel's recordings; none for other makers.

    `channel_number` counts from 1; `zone_s` is the device's local time minus UTC. The caller fills in `{start}` and
    `{end}`.
    """
    place = f"rtsp://{authority(host, rtsp_port)}"
    times = "starttime={start}&endtime={end}"
    if _DAHUA.search(manufacturer):
        return (MakersReplay(f"{place}/cam/playback?channel={channel_number}&{times}", "dahua", zone_s),)
    if _HIKVISION.search(manufacturer):
        return (MakersReplay(f"{place}/Streaming/tracks/{channel_number}01?{times}", "hikvision", zone_s),)
    return ()
