"""The RTSP client: messages, digest login, RTP, SDP, one session with a device."""
