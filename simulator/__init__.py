"""A pretend ONVIF recorder: sixteen channels on loopback, for people without hardware and for tests.

Start it with ``python -m simulator``; see ``python -m simulator --help``. It speaks ONVIF over SOAP, live video over
RTSP, WS-Discovery, and a control port that switches faults on and off while it runs. It imports nothing of the
application, and the application imports nothing of it: they meet on the wire only.

Where things are: `layout` says which channels there are; `painter`, `scenes`, `canvas` and `font` draw their pictures
and `clips` encodes and caches them; `live` sends them on the clock; `rtsp`, `doors`, `soap/` and `discovery` are
the doors; `login` and `faults` decide how the doors behave; `control` is the tester's door.
"""
