"""The RTSP client: messages, login, RTP, SDP, and one session with a device."""
