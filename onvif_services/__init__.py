"""ONVIF, one module a service: SOAP in, records of core out.

`connection.DeviceConnection` is the way to one device; `media`, `snapshot`, `events` and `ptz` read
and steer through it; `discovery` and `probe` find devices before there is a connection. No zeep
or lxml object and no error but those of core.errors crosses this room's edge.
"""
