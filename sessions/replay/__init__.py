"""Replay sessions: one recording, played from any time."""
