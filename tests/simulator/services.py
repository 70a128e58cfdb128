"""Strict zeep clients on ONVIF's own WSDLs: they check the recorder's answers independently of its code."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any

from tests.patience import LIMIT_S
from tests.simulator.process import PASSWORD, USERNAME, Simulator
from tests.simulator.schema import WSDLS

_NAMESPACES = {
    "tds": "http://www.onvif.org/ver10/device/wsdl",
    "trt": "http://www.onvif.org/ver10/media/wsdl",
    "tr2": "http://www.onvif.org/ver20/media/wsdl",
    "tev": "http://www.onvif.org/ver10/events/wsdl",
    "tptz": "http://www.onvif.org/ver20/ptz/wsdl",
    "timg": "http://www.onvif.org/ver20/imaging/wsdl",
    "tmd": "http://www.onvif.org/ver10/deviceIO/wsdl",
    "trc": "http://www.onvif.org/ver10/recording/wsdl",
    "tse": "http://www.onvif.org/ver10/search/wsdl",
    "trp": "http://www.onvif.org/ver10/replay/wsdl",
}
_BINDINGS = {
    "tds": "DeviceBinding",
    "trt": "MediaBinding",
    "tr2": "Media2Binding",
    "tev": "EventBinding",
    "tptz": "PTZBinding",
    "timg": "ImagingBinding",
    "tmd": "DeviceIOBinding",
    "trc": "RecordingBinding",
    "tse": "SearchBinding",
    "trp": "ReplayBinding",
}
PATHS = {
    "tds": "device_service",
    "trt": "media_service",
    "tr2": "media2_service",
    "tev": "event_service",
    "tptz": "ptz_service",
    "timg": "imaging_service",
    "tmd": "deviceio_service",
    "trc": "recording_service",
    "tse": "search_service",
    "trp": "replay_service",
}


# zeep is not typed throughout; behind this name it is Any.
zeep: Any = importlib.import_module("zeep")


@functools.cache
def _client(prefix: str) -> tuple[Any, Any]:
    history = zeep.plugins.HistoryPlugin(maxlen=1)
    token = importlib.import_module("zeep.wsse.username").UsernameToken(USERNAME, PASSWORD, use_digest=True)
    transport = zeep.transports.Transport(timeout=LIMIT_S, operation_timeout=LIMIT_S)
    settings = zeep.Settings(strict=True, xml_huge_tree=False)
    return zeep.Client(
        str(WSDLS[prefix]), wsse=token, plugins=[history], transport=transport, settings=settings
    ), history


def call(simulator: Simulator, prefix: str, operation: str, *, binding: str = "", url: str = "", **values: Any) -> Any:
    """Call an operation as ONVIF's WSDL defines it. Raise zeep.exceptions.Fault for a fault."""
    client, _ = _client(prefix)
    name = f"{{{_NAMESPACES[prefix]}}}{binding or _BINDINGS[prefix]}"
    service = client.create_service(name, url or f"{simulator.url}/onvif/{PATHS[prefix]}")
    asked: Callable[..., Any] = service[operation]
    return asked(**values)


def last_answer(prefix: str) -> Any:
    """The whole envelope of the last answer, as an lxml element."""
    return _client(prefix)[1].last_received["envelope"]
