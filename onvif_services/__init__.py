"""ONVIF, one module per service: SOAP in, frozen dataclasses out.

`connection.DeviceConnection` is the connection with one device. Its parts: `opening` has the steps of its `open()`,
`device_calls` sends requests, `login` (with `login_kinds`) logs in, `places` knows the addresses of the services, and
`measured_clock`, `checks`, `slots` and `weak_servers` serve these. `transport` does HTTP, over the connections of
`device_socket`; `http_answer`, `xml_repair` and `answers` read the responses. `media`, `snapshot`, `events`, `ptz`,
`replay`, `recording_control` and `recording_search` (with `searches`) call the device through the connection;
`discovery` and `probe` find devices before there is one.

Results are records of `core.records` and `core.recordings`, and dataclasses that these modules define (such as
`events.EventMessage` and `ptz.Preset`). No zeep object leaves the package; lxml elements do so only from
`DeviceCalls.call`, which is meant for the modules above. Errors are those of `core.errors`, `faults.SoapFault`
(the device refuses the request; callers read its codes), and `wsdl.SpecsMissing` (an incomplete installation).
"""
