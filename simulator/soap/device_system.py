"""The Device service: the clock, the lamp, the reboot."""

from __future__ import annotations

from datetime import datetime

from simulator.clock import DeviceClock
from simulator.faults import REBOOT_S, Faults
from simulator.lens import Lens
from simulator.soap import capabilities
from simulator.soap.service import PATHS, Call, Handler, SoapFault, SoapService, done
from simulator.soap.xml import Element, el, text_of


def _date_time(name: str, moment: datetime) -> Element:
    time = el("tt:Time", el("tt:Hour", moment.hour), el("tt:Minute", moment.minute), el("tt:Second", moment.second))
    date = el("tt:Date", el("tt:Year", moment.year), el("tt:Month", moment.month), el("tt:Day", moment.day))
    return el(name, time, date)


class DeviceSystemService(SoapService):
    """Date and time, auxiliary commands, reboot."""

    path = PATHS["tds"]

    def __init__(self, clock: DeviceClock, faults: Faults, lens: Lens) -> None:
        self._clock, self._faults, self._lens = clock, faults, lens

    def operations(self) -> dict[str, Handler]:
        return {
            "tds:GetSystemDateAndTime": self.get_system_date_and_time,
            "tds:SetSystemDateAndTime": self.set_system_date_and_time,
            "tds:SendAuxiliaryCommand": self.send_auxiliary_command,
            "tds:SystemReboot": self.system_reboot,
        }

    def get_system_date_and_time(self, _call: Call) -> Element:
        clock = self._clock
        no_utc = self._faults.is_on("no_utc")
        value = el(
            "tds:SystemDateAndTime",
            el("tt:DateTimeType", "Manual"),
            el("tt:DaylightSavings", False),
            el("tt:TimeZone", el("tt:TZ", clock.time_zone())),
            None if no_utc else _date_time("tt:UTCDateTime", clock.utc()),
            _date_time("tt:LocalDateTime", clock.local()),
        )
        return el("tds:GetSystemDateAndTimeResponse", value)

    def set_system_date_and_time(self, call: Call) -> Element:
        """Check the kind of clock only: the recorder keeps its host's time."""
        if text_of(call.body, "tds:DateTimeType") not in ("Manual", "NTP"):
            raise SoapFault("Sender", "ter:InvalidArgVal", "ter:InvalidDateTime", reason="DateTimeType is missing")
        return done("tds:SetSystemDateAndTime")

    def send_auxiliary_command(self, call: Call) -> Element:
        command = call.text("tds:AuxiliaryCommand")
        if command not in capabilities.LAMP_COMMANDS:
            raise SoapFault("Sender", "ter:InvalidArgVal", "ter:AuxiliaryDataNotSupported", reason="Unknown command")
        self._lens.lamp = command.rpartition("|")[2]
        return el("tds:SendAuxiliaryCommandResponse")

    def system_reboot(self, _call: Call) -> Element:
        self._faults.set("reboot", True, after_s=0.5)
        return el("tds:SystemRebootResponse", el("tds:Message", f"Rebooting in {REBOOT_S:.0f} s"))
