"""Loops that run without a request. pinned_channels.py keeps the video of pinned channels ready."""
