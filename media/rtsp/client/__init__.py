"""The RTSP client: messages, login, RTP, SDP, and one session with a device.

session.py                    the session: DESCRIBE, SETUP, PLAY, keep-alives, TEARDOWN; budget.py: how many at a time
device_requests.py            its requests, with login and session id; keep_alive.py: those before its timeout
playing.py                    PLAY, at the address and with the range that a device wants
habits.py                     the forms of a request that devices want, the one that worked; habit_writer.py saves it
connection.py                 its TCP connection; framing.py and messages.py read and write what passes over it
connecting.py, tunnel.py      open that connection: TCP, TLS, or HTTP
login.py, auth.py             the answers to a device's challenges; Basic and Digest
address.py, sdp.py            the addresses and the description that a device sends, checked; sdp_audio.py: its audio
track_setup.py, transports.py SETUP of the tracks and its Transport header; udp.py: a track's ports
receiver.py, rtp.py           RTP and RTCP; track_filter.py and reordering.py choose and sort a track's packets
depacketizing.py              access units of video out of RTP packets, with payloads.py, parameter_sets.py and
                              track_times.py; mjpeg_depacketizing.py: of MJPEG
audio_depacketizing.py        the same of audio; audio_payloads.py and audio_times.py know devices' habits
onvif_replay_extension.py     the time of each frame of a recording
errors.py                     errors for RTSP status codes
"""
