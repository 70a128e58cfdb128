"""The package of a case: its ZIP, its manifest, its signature, and what ends it."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from core.access import LOCAL
from core.recordings import ZoneOfTimes
from core.records import AudioFormat
from evidence.check import FolderFiles, check_package
from evidence.records import PackageState
from evidence.zip_outline import ZipOutline
from exports.records import Rectangle, WorkingCopy
from tests.evidence.packaging import MadePackage, Packaging
from tests.exports.exporting import START_S, moment
from tests.sessions.replay.thin_recorder import FPS

pytestmark = pytest.mark.slow

Make = Callable[..., Packaging]
FIRST = "video/Gate_Hof-Tur_20260921T141322Z"
SECOND = "video/Gate_Hof-Tur_20260921T141430Z"


def test_other_programs_read_the_zip(package: MadePackage) -> None:
    assert (
        "No errors detected"
        in subprocess.run(["unzip", "-t", package.archive], capture_output=True, text=True, check=True).stdout
    )
    with zipfile.ZipFile(package.archive) as archive:
        assert archive.testzip() is None
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}
        names = archive.namelist()
    assert names[:4] == [f"{FIRST}.mp4", f"{FIRST}.srt", f"{SECOND}.mp4", f"{SECOND}.srt"]
    assert names[-5:] == ["README.txt", "verify.html", "manifest.json", "manifest.sig", "SHA256SUMS"]


def test_the_text_says_which_players_play_h265(package: MadePackage) -> None:
    text = (package.folder / "README.txt").read_text()
    assert "Any player" not in text
    assert "H.265" in text


def test_sha256sum_accepts_the_unpacked_files(package: MadePackage) -> None:
    checked = subprocess.run(
        ["sha256sum", "--strict", "-c", "SHA256SUMS"], cwd=package.folder, capture_output=True, text=True, check=True
    )
    files = [path for path in package.folder.rglob("*") if path.is_file()]
    assert checked.stdout.count(": OK") == len(files) - 1


def test_the_manifest_describes_each_video(package: MadePackage) -> None:
    manifest = json.loads((package.folder / "manifest.json").read_bytes())
    assert manifest["case"]["notes"] == "two\nlines \u202e"
    assert manifest["exported_by"] == "Anna <b>"
    (ranges,) = (export["ranges"] for export in manifest["exports"])
    assert ranges[0]["device"] == {
        "manufacturer": "Maker",
        "model": "Model 5",
        "firmware": "1.2.3",
        "serial": "SN-77",
    }
    assert ranges[0]["clock"] == {"offset_s": 2.25, "measured_at": _text(-60)}
    assert ranges[0]["gaps"] == [{"start_time": _text(60), "end_time": _text(70), "reason": "not_recorded"}]
    first = manifest["files"][0]
    assert (first["codec"], first["frames"], first["frames_lost"]) == ("h264", 58 * FPS, 0)
    assert first["asked"]["start_time"] == first["asked"]["device_start_time"] == _text(2.5)
    assert (first["delivered"]["start_time"], first["delivered"]["end_time"]) == (_text(2), _text(60))
    assert (first["shown"]["start_time"], first["shown"]["end_time"]) == (_text(2.6), _text(60))
    assert first["key_frame_lead_in_s"] == 0.6
    assert first["time_confirmed"] is True
    assert first["source"] == {
        "kind": "recorder",
        "recordings": [{"recording_token": "Rec0", "kind": "recorder", "replay": None}],
    }
    assert (first["conversions"], first["camera_signature"]) == ("none", "none seen")


def test_the_pieces_cover_the_file_and_tell_its_minutes(package: MadePackage) -> None:
    manifest = json.loads((package.folder / "manifest.json").read_bytes())
    first = manifest["files"][0]
    content = (package.folder / first["path"]).read_bytes()
    size = manifest["piece_bytes"]
    assert [piece["sha256"] for piece in first["pieces"]] == [
        hashlib.sha256(content[start : start + size]).hexdigest() for start in range(0, len(content), size)
    ]
    assert len(first["pieces"]) == 3
    assert first["pieces"][0]["start_time"] == _text(2)
    assert first["pieces"][-1]["end_time"] == _text(60)
    for before, after in zip(first["pieces"], first["pieces"][1:], strict=False):
        second = content[size * (first["pieces"].index(after)) :].split(b"|", 1)[0][-12:]
        assert second.decode() in {f"{START_S + at / FPS:.1f}" for at in range(10, 300)}
        assert after["start_time"] < before["end_time"] <= _text(float(second) - START_S)


def test_nothing_in_the_package_names_an_address_or_a_path(package: MadePackage) -> None:
    for name in ("manifest.json", "README.txt", "verify.html"):
        text = (package.folder / name).read_text()
        for secret in ("10.0.0.1", "rtsp:", "http:", "/tmp", "admin"):
            assert secret not in text, (name, secret)


def test_openssl_accepts_the_signature(package: MadePackage, tmp_path: Path) -> None:
    manifest = json.loads((package.folder / "manifest.json").read_bytes())
    key = tmp_path / "key.pem"
    key.write_text(manifest["installation"]["public_key"])
    command = ["openssl", "dgst", "-sha256", "-verify", str(key), "-signature", "manifest.sig", "manifest.json"]
    subprocess.run(command, cwd=package.folder, capture_output=True, check=True)


def test_the_key_is_private_and_stays_the_same(make: Make) -> None:
    packaging = make([(0, 20)])
    view = packaging.manager.key()
    path = packaging.folder / "keys" / "evidence.key"
    assert path.stat().st_mode & 0o777 == 0o600
    assert packaging.manager.key() == view
    public = serialization.load_pem_public_key(view.public_key.encode())
    assert isinstance(public, ec.EllipticCurvePublicKey)
    packaging.manager._key.sign(b"text")
    public.verify(packaging.manager._key.sign(b"text"), b"text", ec.ECDSA(hashes.SHA256()))


def test_the_manifest_names_the_zone_in_the_recorders_times(make: Make) -> None:
    packaging = make([(0, 20)])
    recorder = packaging.exporting.recorder
    recorder.ahead_s = packaging.exporting.recordings.ahead_s = 3600.0
    recorder.zone = ZoneOfTimes(3600.0, START_S + 10)
    recorder.spans[:] = [(START_S + 3600, START_S + 3620)]
    case = packaging.made(packaging.case(packaging.export(2, 5), packaging.export(12, 15)).id)
    folder = packaging.unpacked(case.id, packaging.folder / "unpacked")
    before, after, *_ = json.loads((folder / "manifest.json").read_bytes())["files"]
    assert (before["recording_zone_s"], before["clock_correction_s"]) == (3600.0, 3600.0)
    assert (before["shown"]["start_time"], before["shown"]["device_start_time"]) == (_text(2), _text(3602))
    assert (before["time_confirmed"], after["time_confirmed"]) == (False, True)


def test_audio_of_another_law_than_described_is_named_as_converted(make: Make) -> None:
    packaging = make([(0, 20)])
    recorder = packaging.exporting.recorder
    recorder.audio, recorder.sends_audio = AudioFormat("pcm_mulaw", 8000, 1), True
    as_sent = packaging.export(2, 5, format="original")
    recorder.converts_audio = True
    converted = [packaging.export(2, 5, format=name) for name in ("original", "mp4")]
    case = packaging.made(packaging.case(as_sent, *converted).id)
    folder = packaging.unpacked(case.id, packaging.folder / "unpacked")
    files = json.loads((folder / "manifest.json").read_bytes())["files"]
    found = {item["export_id"]: item["conversions"] for item in files if "export_id" in item}
    change = "audio: pcm_alaw in parts, to pcm_mulaw"
    assert list(found.values()) == ["none", [change], [change, "audio: pcm_mulaw to aac"]]


def test_the_manifest_says_why_audio_is_left_out(make: Make) -> None:
    packaging = make([(0, 20)])
    packaging.exporting.recorder.audio_left_out = "the app does not play G.726 in recordings"
    case = packaging.made(packaging.case(packaging.export(2, 5)).id)
    folder = packaging.unpacked(case.id, packaging.folder / "unpacked")
    video, *_ = json.loads((folder / "manifest.json").read_bytes())["files"]
    assert video["conversions"] == ["audio: left out: the app does not play G.726 in recordings"]


def test_a_snapshot_shows_the_first_frame_of_each_video(make: Make) -> None:
    packaging = make([(0, 20)], decodable=True)
    case = packaging.made(packaging.case(packaging.export(2.4, 10)).id)
    folder = packaging.unpacked(case.id, packaging.folder / "unpacked")
    (snapshot,) = (folder / "snapshots").iterdir()
    assert snapshot.read_bytes().startswith(b"\xff\xd8")
    manifest = json.loads((folder / "manifest.json").read_bytes())
    listed = next(item for item in manifest["files"] if item["kind"] == "snapshot")
    assert listed["derived_from"] == manifest["files"][0]["path"]


def test_signatures_of_the_camera_stay_and_are_named(make: Make) -> None:
    packaging = make([(0, 20)])
    signature = b"\x06\x05\x30" + bytes.fromhex("005bc93f2d715e95ada4796f90877a6f") + bytes(range(32)) + b"\x80"
    key, other = b"\x65" + bytes(range(1, 200)), b"\x41" + bytes(range(1, 100))
    packaging.exporting.recorder.pictures = ((signature, key), *[(other,)] * (FPS - 1))
    export_id = packaging.export(2, 10)
    case = packaging.made(packaging.case(export_id).id)
    folder = packaging.unpacked(case.id, packaging.folder / "unpacked")
    video = json.loads((folder / "manifest.json").read_bytes())["files"][0]
    assert video["camera_signature"] == "signed by the camera: present, not checked"
    assert (folder / video["path"]).read_bytes().count(signature) == 9  # that of the last shown GOP is in the next one


def test_a_working_copy_names_its_recording_and_its_changes(make: Make) -> None:
    packaging = make([(0, 20)], decodable=True)
    copies = (WorkingCopy(has_burnt_time=True, blurred=(Rectangle(0.1, 0.1, 0.2, 0.2),), height=90),)
    case = packaging.made(packaging.case(packaging.export(2.4, 6, format="original", copies=copies)).id)
    folder = packaging.unpacked(case.id, packaging.folder / "unpacked")
    recording, copy, snapshot, *_ = json.loads((folder / "manifest.json").read_bytes())["files"]
    assert (recording["kind"], recording["path"][-4:], recording["conversions"]) == ("original", ".mkv", "none")
    assert (copy["kind"], copy["path"].split("/")[0]) == ("working_copy", "working-copies")
    assert copy["derived_from"] == snapshot["derived_from"] == recording["path"]
    assert copy["conversions"] == [
        "video: encoded again as H.264",
        "video: time burnt in",
        "video: parts blurred: 1",
        "video: at most 90 pixels high",
    ]
    assert "frames" not in copy
    assert check_package(FolderFiles(folder)).findings == []
    (piece,) = recording["pieces"]
    delivered = recording["delivered"]
    assert (piece["start_time"], piece["end_time"]) == (delivered["start_time"], delivered["end_time"])
    assert copy["pieces"][0]["start_time"] == copy["shown"]["start_time"]


def test_files_of_the_same_name_get_numbers(make: Make) -> None:
    packaging = make([(0, 20)])
    case = packaging.made(packaging.case(packaging.export(2, 5, subtitles=True), packaging.export(2, 5)).id)
    folder = packaging.unpacked(case.id, packaging.folder / "unpacked")
    names = sorted(path.name.removeprefix("Gate_Hof-Tur_20260921T1413") for path in (folder / "video").iterdir())
    assert names == ["22Z-2.mp4", "22Z.mp4", "22Z.srt"]


def test_files_of_a_range_in_two_formats_keep_together(two_formats: MadePackage) -> None:
    with zipfile.ZipFile(two_formats.archive) as archive:
        names = [name for name in archive.namelist() if "/" in name]
    stem = "Gate_Hof-Tur_20260921T141322Z"
    assert names == [
        f"video/{stem}.mp4",
        f"video/{stem}.srt",
        f"working-copies/{stem}_working-copy.mp4",
        f"video/{stem}-2.mkv",
        f"video/{stem}-2.srt",
        f"working-copies/{stem}-2_working-copy.mp4",
        f"snapshots/{stem}.jpg",
        f"snapshots/{stem}-2.jpg",
    ]


def test_the_outline_of_a_zip_refuses_a_second_file_of_a_name() -> None:
    outline = ZipOutline(moment(0), io.BytesIO())
    outline.add("snapshots/Gate.jpg", b"one")
    with pytest.raises(ValueError, match="twice"):
        outline.add("snapshots/gate.jpg", b"two")


def test_a_package_takes_no_copy_of_the_videos(make: Make) -> None:
    packaging = make([(0, 60)])
    case = packaging.made(packaging.case(packaging.export(2, 50)).id)
    stored = sum(path.stat().st_size for path in (packaging.folder / "packages").rglob("*") if path.is_file())
    videos = packaging.exporting.job(case.export_ids[0]).progress.size_bytes
    assert case.package.size_bytes > videos
    assert stored < 2 * (case.package.size_bytes - videos)


def test_any_part_of_the_zip_can_be_read(make: Make) -> None:
    packaging = make([(0, 20)])
    case = packaging.made(packaging.case(packaging.export(2, 10)).id)
    whole = packaging.content(case.id)
    _, _, reader = packaging.manager.open_package(LOCAL, case.id)
    with reader:
        assert reader.size_bytes == len(whole) == case.package.size_bytes
        for start in (0, 29, 100, len(whole) // 2, len(whole) - 50):
            reader.seek(start)
            assert reader.read() == whole[start:]


def test_a_download_goes_on_while_its_package_is_made_again(make: Make) -> None:
    packaging = make([(0, 20)])
    case = packaging.made(packaging.case(packaging.export(2, 10)).id)
    whole = packaging.content(case.id)
    _, etag, reader = packaging.manager.open_package(LOCAL, case.id)
    with reader:
        begin = reader.read(100)
        assert packaging.made(case.id).package.etag != etag
        assert begin + reader.read() == whole


def test_a_file_changed_on_the_disk_is_never_packed(make: Make) -> None:
    packaging = make([(0, 20)])
    export_id = packaging.export(2, 10)
    path = packaging.exporting.path(export_id)
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)
    package = packaging.made(packaging.case(export_id).id).package
    assert package.state is PackageState.FAILED
    assert package.problem is not None
    assert package.problem.code == "file_changed"


def _text(second: float) -> str:
    at = moment(0) + timedelta(seconds=round(second, 3))
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
