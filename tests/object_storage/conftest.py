"""A bucket at the tests' S3 server, and a node with files on its disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.missing import skip_outside_ci
from tests.object_storage.node_with_files import NodeWithFiles
from tests.s3_server import S3Missing, S3Server, running_server


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    try:
        with running_server() as server:
            yield server
    except S3Missing as missing:
        skip_outside_ci(missing)


@pytest.fixture
def bucket_name(s3_server: S3Server) -> str:
    return s3_server.new_bucket()


@pytest.fixture
def node(s3_server: S3Server, bucket_name: str, tmp_path: Path) -> Iterator[NodeWithFiles]:
    made = NodeWithFiles(s3_server.settings(tmp_path, bucket_name))
    yield made
    made.close()
