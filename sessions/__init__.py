"""Sessions: one source converted for any number of viewers. `stream_manager.py` is the face of this package.

base.py        base class of both kinds: viewers, a thread that retries, an end
live/          live sessions: a media profile of a camera as HLS and as fragments for sockets
replay/        replay sessions: a recording from any requested time
context.py     settings, clock, gateway and managers for sessions
view.py        StreamView: a session at one moment, for the rest of the app
viewers.py     the viewers of a session, and the time since it had any
errors.py      exceptions of sessions
backoff.py     waits between tries
ids.py         stream ids, which are also names of folders
folders.py     a session's folder of segments, and free disk
snapshots.py   stills: the device's own, otherwise a frame of the stream

Live and replay have the same file names for the same roles: session.py (the thread, and calls of viewers),
status.py (the state), resources.py (connections, processes, files) and broadcast.py (viewers on sockets).

The worker of the thread is live/attempt.py (LiveAttempt) or replay/play.py (ReplayPlay). replay/run.py (ReplayRun) is
the data of one seek, which several plays may fill.
"""
