"""The DeviceIO service (ONVIF Device IO Service Specification): relay outputs only."""

from __future__ import annotations

from simulator.lens import MONOSTABLE_S, RELAYS, Lens
from simulator.soap import capabilities
from simulator.soap.service import PATHS, Call, Handler, SoapFault, SoapService, done, no_such
from simulator.soap.xml import Element, el


class DeviceIoService(SoapService):
    """Lists and switches the relays. Its requests have elements of the Device service's namespace."""

    path = PATHS["tmd"]

    def __init__(self, lens: Lens) -> None:
        self._lens = lens

    def operations(self) -> dict[str, Handler]:
        return {
            "tmd:GetServiceCapabilities": self.get_service_capabilities,
            "tds:GetRelayOutputs": self.get_relay_outputs,
            "tds:SetRelayOutputState": self.set_relay_output_state,
        }

    def get_service_capabilities(self, _call: Call) -> Element:
        return el("tmd:GetServiceCapabilitiesResponse", capabilities.device_io(len(RELAYS)))

    def get_relay_outputs(self, _call: Call) -> Element:
        response = el("tds:GetRelayOutputsResponse")
        for token, mode in RELAYS.items():
            delay = f"PT{MONOSTABLE_S:.0f}S" if mode == "Monostable" else "PT0S"
            properties = el("tt:Properties", el("tt:Mode", mode), el("tt:DelayTime", delay), el("tt:IdleState", "open"))
            response.append(el("tds:RelayOutputs", properties, attributes={"token": token}))
        return response

    def set_relay_output_state(self, call: Call) -> Element:
        token, state = call.text("tds:RelayOutputToken"), call.text("tds:LogicalState")
        if token not in RELAYS:
            raise no_such("ter:RelayToken", "relay output")
        if state not in ("active", "inactive"):
            raise SoapFault("Sender", "ter:InvalidArgVal", reason="LogicalState is active or inactive")
        self._lens.switch(token, is_active=state == "active")
        return done("tds:SetRelayOutputState")
