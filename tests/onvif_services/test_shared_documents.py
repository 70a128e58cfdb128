"""Side effects of import and construction, and the one WSDL document that all devices share."""

from __future__ import annotations

import subprocess
import sys

from lxml import etree

from onvif_services import wsdl
from tests.onvif_services.connecting import Connect
from tests.onvif_services.soap_device import SoapDevice
from tests.patience import LIMIT_S

_IMPORTING = """
import logging, os
os.environ["http_proxy"] = os.environ["https_proxy"] = "http://proxy:1"
zeep_level = logging.getLogger("zeep.client").level
from core.clock import SystemClock
from core.login_gate import GuardedCredential, LoginGate
from core.records import Credential
from core.secrets import Secret
from onvif_services import connection, discovery, events, media, probe, ptz, snapshot
credential = Credential("a", Secret("b"))
guarded = GuardedCredential(credential, "k", LoginGate(SystemClock()))
connection.DeviceConnection(connection.OnvifAddress("127.0.0.1", 1), guarded)
assert logging.getLogger().handlers == [], logging.getLogger().handlers
assert logging.getLogger().level == logging.WARNING
assert logging.getLogger("zeep.client").level == zeep_level
assert os.environ["http_proxy"] == os.environ["https_proxy"] == "http://proxy:1"
from onvif_services import wsdl
assert wsdl.documents_loaded() == 0
"""


def test_import_and_construction_leave_logging_and_proxies_alone() -> None:
    """Runs in a separate process, because everything is already imported in this one."""
    subprocess.run([sys.executable, "-c", _IMPORTING], check=True, timeout=LIMIT_S)


def test_opening_a_second_device_parses_nothing_again(device: SoapDevice, connect: Connect) -> None:
    first = connect()
    first.open()
    first.call("media", "GetProfiles")
    loaded = wsdl.documents_loaded()
    assert loaded > 0
    second = connect()
    second.open()
    second.call("media", "GetProfiles")
    assert wsdl.documents_loaded() == loaded
    assert wsdl.shared_document() is wsdl.shared_document()


def test_every_service_has_its_binding_in_the_shared_document() -> None:
    bindings = wsdl.shared_document().bindings
    assert {item.binding_name for item in wsdl.DEFINITIONS.values()} <= set(bindings)


def test_the_text_of_a_topic_is_kept_in_both_directions() -> None:
    topic = wsdl.shared_document().types.get_element("{http://docs.oasis-open.org/wsn/b-2}TopicExpression")
    written = etree.Element("parent")
    topic.render(written, topic("tns1:RecordingHistory//.", Dialect="d"))  # type: ignore[no-untyped-call] # zeep's
    assert written[0].text == "tns1:RecordingHistory//."
    read = topic.parse(written[0], wsdl.shared_document().types)  # type: ignore[no-untyped-call] # zeep's
    assert read["_value_1"] == "tns1:RecordingHistory//."


def test_requests_of_all_services_can_be_built() -> None:
    document = wsdl.shared_document()
    for name, operation in {
        "device": "GetServices",
        "media": "GetProfiles",
        "media2": "GetProfiles",
        "ptz": "ContinuousMove",
        "recording": "GetRecordings",
        "search": "FindRecordings",
        "replay": "GetReplayUri",
        "events": "CreatePullPointSubscription",
        "pullpoint": "PullMessages",
        "subscription": "Unsubscribe",
    }.items():
        assert document.bindings[wsdl.DEFINITIONS[name].binding_name].get(operation)  # type: ignore[no-untyped-call] # zeep's
