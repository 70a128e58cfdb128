"""Replay: connections that hold a session with a recorder, play recordings from any time, pause and seek."""
