"""Pictures of recordings: small JPEGs of a recorder's key frames, made on request and cached on disk.

grid.py has the times of pictures, views.py what the manager returns.
"""
