"""Replay connections: one held session with a recorder, in which players seek."""
