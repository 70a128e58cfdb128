"""Replay sessions: one recording, played from any time.

session.py makes a run (run.py) for every seek. play.py plays the recording: it takes access units from buffer.py, and
makes segments for the playlist and parts for broadcast.py. encoder.py transcodes segments on request. status.py has
the session's state, resources.py all that it holds outside of memory.
"""
