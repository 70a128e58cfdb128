"""The RTSP gateway: every session with a device, live and replay, in one thread.

client/         one session with a device: messages, login, RTP, SDP; imports neither live nor replay
live/           sources shared by feeds, their fragments, and the RTSP server for ffmpeg    -> client
replay/         connections that play recordings and seek in them                           -> client
gateway.py      RtspGateway, the public methods                                             -> live, replay

A frame of a live stream:
 1. gateway.py: open_feed() returns a GatewayFeed. live/session_pool.py: feeds of a source share a SharedDeviceSession.
 2. client/session.py: DeviceSession.run() sends DESCRIBE, SETUP and PLAY; client/login.py answers the 401.
 3. client/connection.py receives bytes from the socket; client/framing.py cuts them into interleaved frames.
 4. client/receiver.py parses RTP (client/rtp.py) and calls on_packets() of its sink, the SharedSource.
 5. live/source.py: client/depacketizing.py makes access units of packets, live/timeline.py places each on our clock.
 6. live/gop_buffer.py holds the units since the key frame.
 7. live/source.py hands each batch of units to its consumers, each from a key frame on: steps 8 and 9.
 8. live/loopback.py sends the units to ffmpeg as its own RTSP stream; ffmpeg writes HLS segments.
 9. live/fragments.py: fmp4/live.py makes one fragment of each frame.
10. The FragmentSink, sessions/live/broadcast.py, sends the fragment to the viewers' sockets.

A frame of a recording:
 1. gateway.py: open_replay() returns an interface.ReplayConnection, which sends nothing before its first play().
 2. replay/connection.py: play() leaves a ReplayPlayback (playback.py); the task of run() starts it.
 3. replay/held_session.py: another PLAY in the open session, otherwise a new session by the first method that works
    (methods.py).
 4. replay/device_session.py: a DeviceSession of client/ with `Require: onvif-replay`; headers.py writes PLAY's Range.
 5. client/connection.py, client/framing.py and client/receiver.py, as for live.
 6. replay/answer_filter.py drops the packets of the PLAY before, by the stamps of client/onvif_replay_extension.py.
 7. replay/playback.py: client/depacketizing.py makes access units with the device's time of each.
 8. replay/track_timeline.py drops the units that were delivered before a pause, and continues the ticks.
 9. The ReplayConsumer, sessions/replay/buffer.py, queues the units; too many make it pause() the connection.
10. sessions/replay/play.py: fmp4/segments.py makes segments and parts for playlists and sockets.
"""
