"""Searches in a drawn part of the picture: when has something moved here, and when has this changed for good?

records.py    a search, its results and its estimate
region.py     the drawn polygon
time_line.py  the recorded time of a search, and the parts of it that were looked at
moved.py      finds movements: stretches with events first, then coarse to fine
changed.py    finds lasting changes by bisection
hits.py       key frames with a movement become results
key_frames.py key frames of the recordings, over one replay connection of a low rank
fetched.py    key frames that later questions of a search get without the recorder
judge.py      the child process that decodes and compares them
candidates.py what is known without any key frame: the index of cells, and events
run.py        one run of one search
worker.py     runs the searches in turn
store.py      searches in the database
"""
