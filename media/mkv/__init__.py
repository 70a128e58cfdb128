"""Matroska (RFC 9559): a container for any audio codec, with times in tenths of a millisecond.

ebml.py writes elements, audio.py describes audio tracks, and writer.py copies the frames and the audio units into
clusters, with all tables before them.
"""
