"""A pretend ONVIF recorder on loopback, for people without hardware and for tests.

Start it with ``python -m simulator``; see ``python -m simulator --help``. It speaks ONVIF over SOAP, RTSP and
WS-Discovery; a control port switches faults on and off while it runs. It imports nothing of the application, and the
application imports nothing of it: they meet on the network only.

`recorder` makes all parts and is imported by `__main__` only:

- `layout` has the channels and tokens, `makes` the differences between makes, `faults` what a test can make go wrong;
- `painter`, `scenes`, `actors`, `canvas` and `font` draw frames in a child process; `encoding` runs it, `h26x` cuts its
  output into access units, `clip` and `clip_store` hold and cache them; `audio` makes the audio,
  `audio_faults` spoils it;
- `live` sends live streams by the clock; `archive` has the recordings, `archive_frames`, `replay_source` and `replay`
  play them;
- `rtsp` with `replay_requests` answers RTSP; `web` serves HTTP for `onvif_port` (SOAP and snapshots) and `control`;
  `discovery` answers probes; `listeners` opens and closes these ports, `login` decides who may use them.

A SOAP request: `web.WebServer` -> `onvif_port.OnvifPort.handle` -> `soap.dispatch.SoapDispatcher.answer` -> the method
that the service lists in its `operations()`, such as `soap.media.MediaService.get_profiles`.
"""
