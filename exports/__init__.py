"""Exports: ranges of recordings as files. `export_manager` is the interface of this package.

reader.py plays a range from a recorder into pieces on the disk (pieces.py), faster than real time. finish.py makes one
MP4 file of each stretch without a gap. worker.py runs the jobs one after the other in one thread, and store.py keeps
them in the database, so that they go on at the last whole piece after a restart.
"""
