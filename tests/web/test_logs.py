"""The terminal gets short lines, the file complete ones, and neither gets a credential."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.settings import Settings
from web.logs import start_logging


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level, raises = root.handlers[:], root.level, logging.raiseExceptions
    root.handlers = []
    written = io.StringIO()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", written)
        start_logging(Settings(data_dir=tmp_path, log_level="INFO"))
    yield written
    for handler in root.handlers:
        handler.close()
    root.handlers, logging.raiseExceptions = handlers, raises
    root.setLevel(level)


@pytest.fixture
def log_file(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "app.log"


def test_a_traceback_goes_to_the_file_and_one_line_to_the_terminal(terminal: io.StringIO, log_file: Path) -> None:
    try:
        raise KeyError("inner")
    except KeyError:
        logging.getLogger("cameras").exception("it broke\nbadly")
    (line,) = terminal.getvalue().splitlines()
    assert "it broke badly (KeyError; details in logs/app.log)" in line
    assert "Traceback" in log_file.read_text()


def test_a_credential_in_an_address_is_struck_out_everywhere(terminal: io.StringIO, log_file: Path) -> None:
    try:
        raise OSError("rtsp://admin:canary@10.0.0.9:554/live failed")
    except OSError:
        logging.getLogger("cameras").exception("cannot open %s", "rtsp://admin:canary@10.0.0.9/x")
    for text in (terminal.getvalue(), log_file.read_text()):
        assert "canary" not in text
        assert "rtsp://(hidden)@10.0.0.9/x" in text


def test_messages_below_the_level_are_not_written(terminal: io.StringIO, log_file: Path) -> None:
    logging.getLogger("cameras").debug("quiet")
    assert (terminal.getvalue(), log_file.read_text()) == ("", "")


def test_a_line_that_utf_8_cannot_hold_is_still_written(terminal: io.StringIO, log_file: Path) -> None:
    logging.getLogger("cameras").warning("half a character: %s", "\udcff")
    assert "half a character" in log_file.read_text()
