"""The NAL units that a recorder sends, read by a client that shares no code with the app or the simulator."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from tests.simulator.rtsp_client import RtspClient
from tools.running import PASSWORD, Recorder

_REQUIRE = {"Require": "onvif-replay"}
_NTP_EPOCH_S = 2_208_988_800
_SETS = {"h264": (7, 8), "hevc": (32, 33, 34)}
_FRAGMENTS = {"h264": 28, "hevc": 49}


def unit_type(codec: str, unit: bytes) -> int:
    """Return nal_unit_type."""
    return unit[0] & 0x1F if codec == "h264" else unit[0] >> 1 & 0x3F


def hashes(codec: str, units: Sequence[bytes], *, sets: bool = False) -> list[str]:
    """Return the hashes of the units in order; with `sets` those of the parameter sets instead, each one once.

    A player gets the parameter sets of a file from its header, so their places in the stream do not count.
    """
    found = [hashlib.sha256(unit).hexdigest() for unit in units if (unit_type(codec, unit) in _SETS[codec]) == sets]
    return sorted(set(found)) if sets else found


def units_of_file(annex_b: bytes) -> list[bytes]:
    """Return the NAL units of a byte stream (ITU-T H.264, annex B)."""
    return [unit.rstrip(b"\0") for unit in annex_b.split(b"\0\0\1") if unit.strip(b"\0")]


def sent_units(
    recorder: Recorder, channel: int, codec: str, start: datetime, end: datetime
) -> list[tuple[float, bytes]]:
    """Return the NAL units of the frames from `start` to `end`, each with its frame's time by the recorder."""
    port = recorder.control("GET", "/state")["rtsp_port"]
    url = f"rtsp://127.0.0.1:{port}/cam/replay?channel={channel}&proto=Onvif"
    with RtspClient(url, username="admin", password=PASSWORD) as client:
        assert client.ask("DESCRIBE", headers={"Accept": "application/sdp", **_REQUIRE}).status == 200
        transport = {"Transport": "RTP/AVP/TCP;unicast;interleaved=0-1"}
        answer = client.ask("SETUP", f"{url}/trackID=0", headers={**transport, **_REQUIRE})
        client.session = answer.header("session").partition(";")[0]
        times = "-".join(at.astimezone(UTC).strftime("%Y%m%dT%H%M%S.%fZ") for at in (start, end))
        answer = client.ask("PLAY", headers={"Range": f"clock={times}", "Rate-Control": "no", **_REQUIRE})
        assert answer.status == 200, answer
        found = list(_units(client, codec, end.timestamp() - 1))
        assert client.ask("TEARDOWN").status == 200
    return found


def _units(client: RtspClient, codec: str, until_s: float) -> Iterator[tuple[float, bytes]]:
    """Yield whole NAL units up to the end of the frame that is at `until_s` or behind it."""
    time_s, unit = 0.0, b""
    for packet in client.packets():
        if packet.channel != 0:
            continue
        payload = packet.payload
        if packet.data[0] & 0x10:
            profile, words = struct.unpack(">HH", payload[:4])
            if profile == 0xABAC:
                seconds, fraction = struct.unpack(">II", payload[4:12])
                time_s = seconds + fraction / 2**32 - _NTP_EPOCH_S
            payload = payload[4 + 4 * words :]
        if unit_type(codec, payload) != _FRAGMENTS[codec]:
            yield time_s, payload
        else:
            head = 1 if codec == "h264" else 2
            mark, piece = payload[head], payload[head + 1 :]
            if mark & 0x80:
                kind = mark & 0x1F if codec == "h264" else mark & 0x3F
                first = payload[0] & 0xE0 | kind if codec == "h264" else payload[0] & 0x81 | kind << 1
                unit = bytes([first]) + payload[1:head]
            unit += piece
            if mark & 0x40:
                yield time_s, unit
        if packet.marker and time_s >= until_s:
            return
