"""RecordingManager asks the recorder itself for its summary and for the addresses of recordings."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from core.errors import CameraUnsupported, NotFound
from tests.recordings.recorder import DAY, HOUR, NOON, Archive


def test_the_summary_names_the_channels_and_the_service(archive: Archive) -> None:
    found = archive.manager.summary(1)
    assert (found.number_recordings, found.service) == (2, "search")
    assert [(item.recording_token, item.channel, item.source_name) for item in found.recordings] == [
        ("Rec1", 1, "Gate 1"),
        ("Rec2", 2, "Gate 2"),
    ]
    archive.recorder.listed_by = "recording"
    assert archive.manager.summary(1).service == "recording"


def test_a_summary_needs_no_list_of_recordings(archive: Archive) -> None:
    archive.recorder.problem = CameraUnsupported("It lists no recordings.", service="search")
    with pytest.raises(CameraUnsupported):
        archive.manager.summary(1)
    archive.recorder.has_summary = True
    found = archive.manager.summary(1)
    assert (found.data_from, found.data_until, found.recordings) == (NOON - 30 * DAY, NOON, ())


def test_the_playback_uri_holds_no_password(archive: Archive) -> None:
    found = archive.manager.playback_uri(1, "Rec1", NOON - HOUR, NOON + timedelta(milliseconds=500))
    assert found.uri == "rtsp://recorder:8554/recording/Rec1"
    assert found.range == "clock=20261122T110000Z-20261122T120000.5Z"
    assert found.requires == ("onvif-replay",)
    with pytest.raises(NotFound):
        archive.manager.playback_uri(1, "Rec9")


def test_vendor_addresses_are_used_only_if_allowed(archive: Archive) -> None:
    archive.manager.summary(1)
    source, _ = archive.manager.replay_source(1, "Rec2")
    assert source.find_makers_replays() == ()


def test_a_vendor_address_has_the_recordings_channel_and_port(archive: Archive) -> None:
    archive.settings = replace(archive.settings, vendor_replay=True)
    manager = archive.make_manager()
    manager.summary(1)
    source, _ = manager.replay_source(1, "Rec2")
    assert [plain.uri for plain in source.find_makers_replays()] == ["rtsp://recorder:8554/cam/playback?channel=2"]
