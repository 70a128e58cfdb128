"""Sessions that a browser can watch: one source converted for any number of viewers.

`stream_manager.py` is the face of this package. A session owns one thread (session.py) from its
start to its end; everything else here is plain data and decisions that the thread asks:

ids.py       stream ids and the folders named after them
view.py      what the outside sees of a session
faces.py     what sessions need of the gateway and of the devices
viewers.py   who watches, and when nobody does
backoff.py   how long to wait before the next try, and when to stop trying so often
folders.py   the folder of a session: made, emptied, removed; free disk
plan.py      copy or transcode: from what a source is and what the stream id promises
run.py       one run: a feed, an ffmpeg, its segments; raises when it ends
session.py   the thread around the runs
snapshots.py a single frame
"""
