"""ONVIF, one module per service: SOAP in, frozen dataclasses out.

`connection.DeviceConnection` is the connection with one device; `login`, `measured_clock` and `checks` are parts of it,
`transport` sends its requests, and `answers` reads the responses. `media`, `snapshot`, `events`, `ptz`, `replay`,
`recording_control` and `recording_search` (with `searches`) call the device through it; `discovery` and `probe` find
devices before there is a connection.

Results are records of `core.records` and `core.recordings`, and dataclasses that these modules define (such as
`events.EventMessage` and `ptz.Preset`). No zeep object leaves the package; lxml elements do so only from
`DeviceConnection.call`, which is meant for the modules above. Errors are those of `core.errors`, `faults.SoapFault`
(the device refuses the request; callers read its codes), and `wsdl.SpecsMissing` (an incomplete installation).
"""
