"""A second node beside the app of a test: the same cameras and accounts, streams of its own, a real HTTP server."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

from werkzeug.serving import make_server

from core.placement import Node
from core.settings import Settings
from tests.placement.fake import HERE, FakePlacement
from tests.web.stand_in_streams import StandInStreams
from web.flask_app import build_web
from web.services import Managers, Services


class OtherNode:
    """The node "there", which owns camera 2, between start() and stop()."""

    def __init__(self, settings: Settings, managers: Managers, streams: StandInStreams) -> None:
        self.streams = streams
        self._managers, self._settings = replace(managers, streams=streams), settings
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True)
        self.node = Node("there", f"127.0.0.1:{self._server.server_port}", "p2")
        placement = FakePlacement([2], this=self.node)
        placement.take(1, HERE)
        services = Services(settings, replace(self._managers, placement=placement), is_ready=lambda: True)
        self.web = build_web(services)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    def _answer(self, environ: dict[str, Any], start_response: Any) -> Any:
        return self.web(environ, start_response)

    def start(self) -> OtherNode:
        self._thread.start()
        return self

    def stop(self) -> None:
        """End the server; its port answers no more."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
