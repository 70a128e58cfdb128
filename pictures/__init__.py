"""Pictures of recordings: small JPEGs of a recorder's key frames, made on request and cached on disk.

grid.py has the times of pictures; cache.py and picture_file.py keep them. wanted.py has what requests want of a camera.
worker.py makes it: source.py gets key frames from the recorder (inbox.py, placing.py), media/still_decoder.py decodes
them. views.py has what the manager returns.
"""
