"""Recordings on the devices' own disks: an index by channel and time, which also shows the time without knowledge.

`recording_manager.RecordingManager` is the interface for other packages; views.py holds the values that it returns.

indexing.py                 asks devices for their events in the background; store.py keeps the answers
spans.py, intervals.py      events become spans of recorded time; sets of time
matching.py                 the channel of each recording
rows.py                     the rows of the timeline
device_clock.py             true time and the device's time
"""
