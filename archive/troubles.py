"""Troubles of recording on the server for the log of events: gaps that are alerts, and volumes that take no files."""

from __future__ import annotations

from collections.abc import Sequence

from archive.gaps import GapStore
from archive.records import VolumeState
from archive.volumes import Volumes
from core.archive import Origin
from core.events import EventKind, Trouble


def gap_troubles(gaps: GapStore) -> list[Trouble]:
    """Return the alerts about gaps. A gap of the recorder itself has the reason `recorder`. Raise Unavailable."""
    return [
        Trouble(
            key=f"gap {gap.id}",
            kind=EventKind.RECORDING_GAP,
            reason="recorder" if gap.origin is Origin.DEVICE else gap.reason.value,
            camera_id=gap.camera_id,
            channel=gap.channel,
            since=gap.start,
            until=gap.end,
        )
        for gap in gaps.alerts()
    ]


def volume_troubles(volumes: Volumes) -> Sequence[Trouble]:
    """Return the volumes of the settings that are slow, full, read-only or gone."""
    return [
        Trouble(key=f"volume {volume.folder}", kind=EventKind.STORAGE, reason=volume.state.value, label=volume.name)
        for volume in volumes.all()
        if not volume.is_former and volume.state is not VolumeState.OK
    ]
