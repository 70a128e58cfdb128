"""The bucket of the settings, by obstore: an optional package, which only this file imports."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from core.errors import StartRefused
from core.settings import Settings
from object_storage.problems import ObjectStorageFailed, StorageState, failure_of

if TYPE_CHECKING:
    from obstore.store import ClientConfig, S3Credential, S3Store

PART_BYTES = 5 * 1024 * 1024  # the least that S3 takes
READ_TIMEOUT_S = 8.0
_PART_TIMEOUT_S = 120.0  # of a slow line: 5 MB at 0.35 Mbit/s
_CONNECT_TIMEOUT_S = 5.0
_MOST_DELETED = 500


class Bucket:
    """Thread-safe. Must be open. Each method waits for the storage and raises ObjectStorageFailed.

    Keys are below the prefix of the settings.
    """

    def __init__(self, settings: Settings, *, read_timeout_s: float = READ_TIMEOUT_S) -> None:
        self._settings = settings
        self._read_timeout_s = read_timeout_s

    def open(self) -> None:
        """Load the package; nothing is sent yet. Raise StartRefused if it is not installed, or refuses the settings."""
        try:
            import obstore  # noqa: PLC0415 - an optional package
        except ImportError:
            raise StartRefused(
                "OBJECT_STORAGE_URL names a bucket, and the package for it is not installed. Run:  make object-storage"
            ) from None
        self._obstore = obstore
        self._reading = _store(self._settings, self._read_timeout_s)
        self._writing = _store(self._settings, _PART_TIMEOUT_S)

    def put(self, key: str, parts: Iterator[bytes]) -> None:
        """Store an object. An error of `parts` ends the upload, leaves no object, and is raised as it is.

        The signature of each request has the SHA-256 of its part: the storage refuses a part that is not whole.
        """
        source = _Parts(parts)
        try:
            with _translated():
                self._obstore.put(
                    self._writing, key, source, use_multipart=True, chunk_size=PART_BYTES, max_concurrency=1
                )
        except ObjectStorageFailed:
            if source.error is not None:
                raise source.error from None
            raise

    def size(self, key: str) -> int | None:
        """Return the bytes of an object; None if there is none."""
        try:
            with _translated():
                return int(self._obstore.head(self._reading, key)["size"])
        except FileNotFoundError:
            return None

    def read(self, key: str, first: int, count: int) -> bytes:
        """Return bytes of an object, fewer at its end. Raise FileNotFoundError if there is none."""
        with _translated():
            return bytes(self._obstore.get_range(self._reading, key, start=first, length=count))

    def delete(self, keys: Sequence[str]) -> None:
        """Delete objects. Those that do not exist are no error."""
        for begin in range(0, len(keys), _MOST_DELETED):
            with _translated():
                self._obstore.delete(self._writing, list(keys[begin : begin + _MOST_DELETED]))


class _Parts:
    """The parts of an object. Remembers the error that ended them: the library may wrap it."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts = parts
        self.error: Exception | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._parts)
        except StopIteration:
            raise
        except Exception as error:
            self.error = error
            raise


@contextmanager
def _translated() -> Iterator[None]:
    """Raise the library's errors as ObjectStorageFailed; FileNotFoundError for an object that does not exist."""
    from obstore.exceptions import BaseError  # noqa: PLC0415 - an optional package

    try:
        yield
    except FileNotFoundError as error:
        found = failure_of(error)
        if found.state is StorageState.NO_BUCKET:
            raise found from None
        raise FileNotFoundError("no such object") from None
    except BaseError as error:
        raise failure_of(error) from None


def _credential(settings: Settings) -> S3Credential:
    return {
        "access_key_id": settings.object_storage_key_id,
        "secret_access_key": settings.object_storage_secret,
        "token": None,
        "expires_at": None,
    }


def _store(settings: Settings, timeout_s: float) -> S3Store:
    from obstore.store import S3Store  # noqa: PLC0415 - an optional package

    bucket, _, prefix = settings.object_storage_url.removeprefix("s3://").strip("/").partition("/")
    endpoint = settings.object_storage_endpoint.rstrip("/")
    client: ClientConfig = {
        "timeout": timedelta(seconds=timeout_s),
        "connect_timeout": timedelta(seconds=_CONNECT_TIMEOUT_S),
        "allow_http": endpoint.lower().startswith("http://"),
    }
    if settings.object_storage_ca_file is not None:
        client["root_certificate"] = settings.object_storage_ca_file.read_bytes()
    address = endpoint or f"https://s3.{settings.object_storage_region}.amazonaws.com"
    # All that the library would otherwise take from the AWS_ variables of the environment.
    return S3Store(
        bucket,
        prefix=prefix or None,
        endpoint=address,
        aws_endpoint_url_s3=address,
        region=settings.object_storage_region,
        skip_signature=False,
        virtual_hosted_style_request=False,
        credential_provider=partial(_credential, settings),
        client_options=client,
        retry_config={"max_retries": 0, "retry_timeout": timedelta(seconds=timeout_s)},
    )
