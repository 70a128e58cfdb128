"""The RTSP gateway: one careful client for every device session, and what hangs on it."""
