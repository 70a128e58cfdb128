"""The PostgreSQL server that the processes of a test run share."""

from __future__ import annotations

import gc
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.missing import skip_outside_ci
from tests.postgres import PostgresMissing, shared_server


@pytest.mark.slow
def test_the_user_that_started_the_server_may_leave_first(tmp_path: Path) -> None:
    with ExitStack() as first, ExitStack() as second:
        try:
            folder = first.enter_context(shared_server(tmp_path)).folder
        except PostgresMissing as missing:
            skip_outside_ci(missing)
        other = second.enter_context(shared_server(tmp_path))
        first.close()
        gc.collect()  # a process that is still held would be reported now
        assert other.answers()
        second.close()
        assert not folder.exists()
