"""The RTSP client: messages, login, RTP, SDP, and one session with a device.

session.py                    the session: DESCRIBE, SETUP, PLAY, keep-alives, TEARDOWN; budget.py: how many at a time
connection.py                 its TCP connection; framing.py and messages.py read and write what passes over it
login.py, auth.py             the answers to a device's challenges; Basic and Digest
address.py, sdp.py            the addresses and the description that a device sends, checked
receiver.py, rtp.py           RTP and RTCP
depacketizing.py              access units of video out of RTP packets
audio_depacketizing.py        the same of audio; audio_payloads.py, audio_times.py and sdp_audio.py know devices' habits
onvif_replay_extension.py     the time of each frame of a recording
errors.py                     errors for RTSP status codes
"""
