"""manifest.json of a package: the files with their origin and their hashes.

It has no network address, no login and no path of this machine: packages leave the house.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from core.archive import Origin, origin_of
from core.clock import rfc3339
from evidence.hashes import PIECE_BYTES, FileHashes
from evidence.piece_times import PieceTimes
from evidence.records import Case, KeyView
from exports.formats.plan import planned_copies
from exports.gaps import range_gaps
from exports.origin import FileOrigin, RangeOrigin
from exports.records import ExportFile, ExportJob
from media.codecs.g711 import OTHER

FORMAT = "onvif-web-viewer evidence package"
VERSION = 1
SIGNED_BY_CAMERA = "signed by the camera: present, not checked"
NOT_SIGNED_BY_CAMERA = "none seen"
_KINDS = {Origin.DEVICE: "recorder", Origin.SERVER: "server"}


@dataclass(frozen=True, slots=True)
class PackedFile:
    """A file of a package, of an export. `times`: of each piece. `has_frames`: the places of its frames are known."""

    path: str
    job: ExportJob
    file: ExportFile
    hashes: FileHashes
    times: Sequence[PieceTimes]
    has_frames: bool


@dataclass(frozen=True, slots=True)
class OtherFile:
    """A file that was made for the package. `derived_from`: path of the video that a snapshot is of."""

    path: str
    kind: str
    hashes: FileHashes
    derived_from: str = ""


def manifest_json(
    case: Case,
    jobs: Sequence[ExportJob],
    files: Sequence[PackedFile],
    others: Sequence[OtherFile],
    key: KeyView,
    app_version: str,
    made_at: datetime,
) -> bytes:
    """Return the manifest in ASCII, so that no text of a device can change how a line of it reads."""
    masters = {(item.job.id, item.file.name): item.path for item in files if item.file.is_recording}
    manifest = {
        "format": FORMAT,
        "version": VERSION,
        "case": {"id": case.id, "name": case.name, "notes": case.notes},
        "exported_by": case.package.made_by,
        "made_at": rfc3339(made_at),
        "app": {"name": "onvif-web-viewer", "version": app_version},
        "installation": {
            "id": key.installation_id,
            "key_algorithm": "ECDSA P-256, SHA-256",
            "key_fingerprint": key.fingerprint,
            "public_key": key.public_key,
        },
        "piece_bytes": PIECE_BYTES,
        "exports": [_export(job, files) for job in jobs],
        "files": [*(_packed(item, masters) for item in files), *map(_other, others)],
    }
    return (json.dumps(manifest, indent=1) + "\n").encode("ascii")


def _export(job: ExportJob, files: Sequence[PackedFile]) -> dict[str, Any]:
    return {
        "id": job.id,
        "name": job.draft.name,
        "notes": job.draft.notes,
        "exported_by": job.owner,
        "requested_at": rfc3339(job.created_at),
        "finished_at": _time(job.ended_at),
        "problem": job.problem.detail if job.problem is not None else None,
        "ranges": [
            _range(job, index, [it for it in files if _is_of(it, job, index)]) for index in range(len(job.draft.ranges))
        ],
    }


def _range(job: ExportJob, index: int, files: Sequence[PackedFile]) -> dict[str, Any]:
    wanted = job.draft.ranges[index]
    return {
        "camera_id": wanted.camera_id,
        "channel": wanted.channel,
        **_place(job.origins.get(index)),
        "asked": {"start_time": rfc3339(wanted.start), "end_time": rfc3339(wanted.end)},
        "gaps": [
            {"start_time": rfc3339(gap.start), "end_time": rfc3339(gap.end), "reason": gap.reason}
            | ({"server": gap.server} if gap.server else {})
            for gap in range_gaps(job, index)
        ],
        "frames_lost": sum(it.file.frames_lost for it in files if it.file.is_recording),
        "files": [it.path for it in files],
    }


def _place(origin: RangeOrigin | None) -> dict[str, Any]:
    if origin is None:
        return {"camera": None, "channel_name": None, "device": None, "clock": None}
    return {
        "camera": origin.camera,
        "channel_name": origin.channel_name,
        "device": {
            "manufacturer": origin.manufacturer,
            "model": origin.model,
            "firmware": origin.firmware,
            "serial": origin.serial,
        },
        "clock": {
            "offset_s": origin.clock_offset_s,
            "measured_at": _time(origin.clock_measured_at),
        },
    }


def _packed(item: PackedFile, masters: Mapping[tuple[int, str], str]) -> dict[str, Any]:
    """`masters`: paths of the recordings by export and name."""
    file, origin = item.file, item.file.origin
    wanted = item.job.draft.ranges[file.range_index]
    correction_s = origin.correction_s if origin is not None else None
    described: dict[str, Any] = {
        "path": item.path,
        "kind": file.kind.value,
        **_hashes(item),
        "export_id": item.job.id,
        "range": file.range_index,
        "camera_id": file.camera_id,
        "channel": file.channel,
        "codec": file.codec,
        "asked": _stretch(wanted.start, wanted.end, correction_s),
        "shown": _stretch(file.start, file.end, correction_s),
        "time_confirmed": file.is_time_confirmed,
    }
    if file.is_derived:
        return described | _of_copy(item, masters)
    if file.is_recording:
        described |= {"frames_lost": file.frames_lost, "conversions": _conversions(file) or "none"}
    if origin is not None:
        described |= _of_recording(file, origin)
    return described


def _of_recording(file: ExportFile, origin: FileOrigin) -> dict[str, Any]:
    return {
        "frames": origin.frames,
        "delivered": _stretch(origin.delivered_start, origin.delivered_end, origin.correction_s),
        "key_frame_lead_in_s": round(max(0.0, (file.start - origin.delivered_start).total_seconds()), 3),
        "clock_correction_s": origin.correction_s,
        "recording_zone_s": origin.zone_s,
        "source": _source(origin),
        "camera_signature": SIGNED_BY_CAMERA if origin.is_signed else NOT_SIGNED_BY_CAMERA,
    }


def _source(origin: FileOrigin) -> dict[str, Any]:
    """Return the recordings. Those of the kind "server" are of the app itself, not of the recorder's disks."""
    recordings = [
        {"recording_token": token, "kind": _KINDS[origin_of(token)], "replay": method or None}
        for token, method in origin.sources
    ]
    kinds = sorted({_KINDS[origin_of(token)] for token, _ in origin.sources})
    source: dict[str, Any] = {"kind": kinds[0] if len(kinds) == 1 else "mixed", "recordings": recordings}
    if "server" in kinds:
        source["fetched_from_recorder"] = [_stretch(start, end, None) for start, end in origin.fetched]
    return source


def _of_copy(item: PackedFile, masters: Mapping[tuple[int, str], str]) -> dict[str, Any]:
    """Return the changes in a working copy. Its frames are no longer the recorder's."""
    planned = next((it for it in planned_copies(item.job.draft, item.job.files) if it.name == item.file.name), None)
    changes = ["video: encoded again as H.264"]
    if planned is not None:
        copy = planned.copy
        changes += ["video: time burnt in"] if copy.has_burnt_time else []
        changes += [f"video: parts blurred: {len(copy.blurred)}"] if copy.blurred else []
        changes += [f"video: at most {copy.height} pixels high"] if copy.height else []
    return {
        "derived_from": masters.get((item.job.id, planned.source.name)) if planned is not None else None,
        "conversions": [*changes, *_conversions(item.file)],
    }


def _conversions(file: ExportFile) -> list[str]:
    """Return how the audio differs from the recorder's."""
    recorded, audio = file.recorded_audio_codec, file.audio_codec
    if not recorded:
        return [f"audio: left out: {file.audio_left_out}"] if file.audio_left_out else []
    if not audio:
        return [f"audio: {recorded} left out"]
    is_law_converted = file.origin is not None and file.origin.is_audio_converted
    changes = [f"audio: {OTHER.get(recorded, 'other audio')} in parts, to {recorded}"] if is_law_converted else []
    return changes if recorded == audio else [*changes, f"audio: {recorded} to {audio}"]


def _other(item: OtherFile) -> dict[str, Any]:
    described: dict[str, Any] = {"path": item.path, "kind": item.kind, **_sums(item.hashes)}
    described["pieces"] = [{"sha256": sha256} for sha256 in item.hashes.pieces]
    if item.derived_from:
        described["derived_from"] = item.derived_from
    return described


def _hashes(item: PackedFile) -> dict[str, Any]:
    """Return the hashes. Each piece has the time that its bytes show, if it is known: of subtitles, a proportion."""
    pieces = []
    for sha256, times in zip(item.hashes.pieces, item.times, strict=True):
        piece: dict[str, Any] = {"sha256": sha256}
        if times is not None:
            piece |= {"start_time": rfc3339(times[0]), "end_time": rfc3339(times[1])}
        pieces.append(piece)
    return {**_sums(item.hashes), "pieces": pieces}


def _sums(hashes: FileHashes) -> dict[str, Any]:
    return {"bytes": hashes.size_bytes, "sha256": hashes.sha256}


def _stretch(start: datetime, end: datetime, correction_s: float | None) -> dict[str, Any]:
    """Return a stretch in UTC, and by the device's own clock if that is known."""
    found: dict[str, Any] = {"start_time": rfc3339(start), "end_time": rfc3339(end)}
    if correction_s is not None:
        ahead = timedelta(seconds=correction_s)
        found |= {"device_start_time": rfc3339(start + ahead), "device_end_time": rfc3339(end + ahead)}
    return found


def _time(moment: datetime | None) -> str | None:
    return rfc3339(moment) if moment is not None else None


def _is_of(item: PackedFile, job: ExportJob, index: int) -> bool:
    return item.job.id == job.id and item.file.range_index == index
