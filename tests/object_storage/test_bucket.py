"""The bucket: its bytes, the meaning of its errors, and messages without secrets."""

from __future__ import annotations

import re
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import StartRefused
from core.settings import Settings, SettingsError
from object_storage.bucket import PART_BYTES, Bucket
from object_storage.problems import ObjectStorageFailed, StorageState
from tests.object_storage.answering import answering
from tests.object_storage.node_with_files import NodeWithFiles
from tests.patience import promised
from tests.s3_server import KEY_ID, SECRET, S3Server
from tools.certificate import make_certificate

GOOD = {
    "OBJECT_STORAGE_URL": "s3://cameras/north",
    "OBJECT_STORAGE_KEY_ID": KEY_ID,
    "OBJECT_STORAGE_SECRET": SECRET,
}


def bucket_at(address: str, folder: Path, *, timeout_s: float = 8.0, **environ: str) -> Bucket:
    environment = {**GOOD, "OBJECT_STORAGE_ENDPOINT": address, "DATA_DIR": str(folder), **environ}
    bucket = Bucket(Settings.from_environ(environment), read_timeout_s=timeout_s)
    bucket.open()
    return bucket


@pytest.mark.parametrize("size", [1, PART_BYTES, PART_BYTES + 1])
def test_an_object_comes_back_as_it_was_stored(node: NodeWithFiles, size: int) -> None:
    content = bytes(range(251)) * (size // 251 + 1)
    parts = [content[first : min(first + PART_BYTES, size)] for first in range(0, size, PART_BYTES)]
    node.bucket.put("1/a.mp4", iter(parts))
    assert node.bucket.size("1/a.mp4") == size
    assert node.bucket.read("1/a.mp4", 0, size + 10) == content[:size]


def test_an_error_of_the_disk_ends_the_upload_without_an_object(
    node: NodeWithFiles, s3_server: S3Server, bucket_name: str
) -> None:
    def failing() -> Iterator[bytes]:
        yield bytes(PART_BYTES)
        yield bytes(PART_BYTES)
        raise OSError("the disk fails")

    with pytest.raises(OSError, match="the disk fails"):
        node.bucket.put("1/a.mp4", failing())
    assert node.bucket.size("1/a.mp4") is None
    assert s3_server.unfinished(bucket_name) == 0


def test_a_missing_object_is_told_from_a_missing_bucket(node: NodeWithFiles) -> None:
    with pytest.raises(FileNotFoundError):
        node.bucket.read("1/nothing.mp4", 0, 10)
    node.restart(object_storage_url="s3://no-such-bucket")
    with pytest.raises(ObjectStorageFailed) as failed:
        node.bucket.put("1/a.mp4", iter([b"x"]))
    assert failed.value.state is StorageState.NO_BUCKET


@pytest.mark.parametrize(
    ("status", "code", "state"),
    [
        (403, "InvalidAccessKeyId", StorageState.REFUSED),
        (403, "SignatureDoesNotMatch", StorageState.REFUSED),
        (403, "AccessDenied", StorageState.REFUSED),
        (401, "", StorageState.REFUSED),
        (403, "QuotaExceeded", StorageState.FULL),
        (507, "XMinioStorageFull", StorageState.FULL),
        (507, "", StorageState.FULL),
        (500, "InternalError", StorageState.FAILED),
        (503, "SlowDown", StorageState.FAILED),
    ],
)
def test_a_refusal_has_its_state_and_words_without_the_key(
    tmp_path: Path, status: int, code: str, state: StorageState
) -> None:
    with answering(status, code) as address, pytest.raises(ObjectStorageFailed) as failed:
        bucket_at(address, tmp_path).put("1/a.mp4", iter([b"x"]))
    assert failed.value.state is state
    assert code in failed.value.detail
    assert KEY_ID not in str(failed.value)
    assert SECRET not in str(failed.value)
    assert failed.value.__cause__ is None  # the library's error quotes the answer


def test_a_storage_that_hangs_is_given_up_in_time(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, promised(2.0):
        bucket = bucket_at(f"http://127.0.0.1:{silent.getsockname()[1]}", tmp_path, timeout_s=0.5)
        with pytest.raises(ObjectStorageFailed) as failed:
            bucket.read("1/a.mp4", 0, 10)
    assert failed.value.state is StorageState.UNREACHABLE


def test_only_a_certificate_that_can_be_verified_is_trusted(tmp_path: Path) -> None:
    certificate = tmp_path / "tls.pem", tmp_path / "tls.key"
    for path, content in zip(certificate, make_certificate(["localhost"]), strict=True):
        path.write_bytes(content)
    seen: list[str] = []
    with answering(403, "AccessDenied", seen, tls=certificate) as address:
        with pytest.raises(ObjectStorageFailed) as failed:
            bucket_at(address, tmp_path).put("1/a.mp4", iter([b"x"]))
        assert failed.value.state is StorageState.UNTRUSTED
        assert not seen
        with pytest.raises(ObjectStorageFailed) as failed:
            bucket_at(address, tmp_path, OBJECT_STORAGE_CA_FILE=str(certificate[0])).put("1/a.mp4", iter([b"x"]))
        assert failed.value.state is StorageState.REFUSED


def test_variables_of_other_programs_change_neither_address_nor_key(
    node: NodeWithFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("AWS_BUCKET", "AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID", "AWS_SKIP_SIGNATURE"):
        monkeypatch.setenv(name, "true")
    node.restart()
    node.bucket.put("1/a.mp4", iter([b"x"]))
    assert node.bucket.size("1/a.mp4") == 1
    seen: list[str] = []
    with answering(500, seen=seen) as address, pytest.raises(ObjectStorageFailed):
        bucket_at(address, node.settings.data_dir).put("1/a.mp4", iter([b"x"]))
    assert f"Credential={KEY_ID}/" in seen[0]


def test_a_start_without_the_package_names_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(StartRefused, match="make object-storage"):
        bucket_at("https://s3.example", tmp_path)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"OBJECT_STORAGE_ENDPOINT": "http://10.0.0.9:9000"}, "OBJECT_STORAGE_ENDPOINT: must be https"),
        ({"OBJECT_STORAGE_ENDPOINT": "http://localhost.example"}, "OBJECT_STORAGE_ENDPOINT: must be https"),
        ({"OBJECT_STORAGE_ENDPOINT": "https://user:word@s3.example"}, "OBJECT_STORAGE_ENDPOINT: must be https"),
        ({"OBJECT_STORAGE_URL": "https://cameras"}, "OBJECT_STORAGE_URL: must be s3://"),
        ({"OBJECT_STORAGE_URL": "s3://cameras/../up?x"}, "OBJECT_STORAGE_URL: must be s3://"),
        ({"OBJECT_STORAGE_SECRET": ""}, "OBJECT_STORAGE_KEY_ID and OBJECT_STORAGE_SECRET: set both"),
        ({"OBJECT_STORAGE_URL": ""}, "OBJECT_STORAGE_SECRET: needs an OBJECT_STORAGE_URL"),
    ],
)
def test_wrong_settings_are_refused_without_their_secrets(changes: dict[str, str], complaint: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(complaint)) as refused:
        Settings.from_environ({**GOOD, **changes})
    assert SECRET not in str(refused.value)
    assert "word" not in str(refused.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"OBJECT_STORAGE_ENDPOINT": "http://127.0.0.1:9000"},
        {"OBJECT_STORAGE_ENDPOINT": "http://[::1]:9000"},
        {"OBJECT_STORAGE_ENDPOINT": "http://10.0.0.9:9000", "OBJECT_STORAGE_PLAIN_HTTP": "yes"},
        {"OBJECT_STORAGE_ENDPOINT": "https://s3.example:9000/"},
        {"OBJECT_STORAGE_URL": "s3://cameras"},
        {"OBJECT_STORAGE_URL": "s3://cameras/a/b/"},
    ],
)
def test_good_settings_are_taken_and_hide_the_key(changes: dict[str, str]) -> None:
    settings = Settings.from_environ({**GOOD, **changes})
    assert SECRET not in repr(settings)
    assert KEY_ID not in repr(settings)
