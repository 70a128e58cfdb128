"""Files and options of exports as JSON in the database."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from core.clock import rfc3339
from core.stored_json import read_items
from exports.origin import read_file_origin, stored_file_origin
from exports.records import ExportDraft, ExportFile, FileKind, Rectangle, WorkingCopy


def stored_options(draft: ExportDraft) -> dict[str, Any]:
    return {"subtitles": draft.has_subtitles, "copies": [_stored_copy(copy) for copy in draft.copies]}


def read_options(options: dict[str, Any]) -> tuple[bool, tuple[WorkingCopy, ...]]:
    """Return has_subtitles and copies. Jobs of earlier versions have no copies."""
    return bool(options.get("subtitles")), read_items(options.get("copies", []), _copy)


def _stored_copy(copy: WorkingCopy) -> dict[str, Any]:
    return {
        "burn_time": copy.has_burnt_time,
        "blur": [[one.x, one.y, one.width, one.height] for one in copy.blurred],
        "height": copy.height,
    }


def _copy(item: Any) -> WorkingCopy:
    blurred = tuple(Rectangle(*(float(number) for number in one)) for one in item["blur"])
    return WorkingCopy(bool(item["burn_time"]), blurred, item["height"])


def stored_file(file: ExportFile) -> dict[str, Any]:
    return {
        "name": file.name,
        "bytes": file.size_bytes,
        "sha256": file.sha256,
        "camera_id": file.camera_id,
        "channel": file.channel,
        "start": rfc3339(file.start),
        "end": rfc3339(file.end),
        "codec": file.codec,
        "range": file.range_index,
        "frames_lost": file.frames_lost,
        "confirmed": file.is_time_confirmed,
        "kind": file.kind.value,
        "audio": file.audio_codec,
        "recorded_audio": file.recorded_audio_codec,
        "audio_left_out": file.audio_left_out,
        "lead_in_s": file.lead_in_s,
        "lead_out_s": file.lead_out_s,
        "size": [file.width, file.height],
        "origin": stored_file_origin(file.origin),
    }


def read_file(item: Any) -> ExportFile:
    """Return the file. Those of earlier versions have no kind, no audio codecs and no size."""
    usual = FileKind.SUBTITLES if item["name"].endswith(".srt") else FileKind.MASTER
    width, height = item.get("size", (None, None))
    return ExportFile(
        name=item["name"],
        size_bytes=item["bytes"],
        sha256=item["sha256"],
        camera_id=item["camera_id"],
        channel=item["channel"],
        start=datetime.fromisoformat(item["start"]),
        end=datetime.fromisoformat(item["end"]),
        codec=item["codec"],
        range_index=item["range"],
        frames_lost=item["frames_lost"],
        is_time_confirmed=item["confirmed"],
        kind=FileKind(item.get("kind", usual)),
        audio_codec=item.get("audio"),
        recorded_audio_codec=item.get("recorded_audio"),
        audio_left_out=item.get("audio_left_out", ""),
        lead_in_s=item.get("lead_in_s", 0.0),
        lead_out_s=item.get("lead_out_s", 0.0),
        width=width,
        height=height,
        origin=read_file_origin(item.get("origin")),
    )
