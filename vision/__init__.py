"""Watches pictures for movement in a child process (`python -m vision`), one for all channels.

messages.py       the messages of the pipe, the only module that the app imports; standard library only
                  (with to_child.py, from_child.py, message_parts.py, fields.py)
__main__.py       the loop: reads messages, writes answers, tells its cost (limits.py, loaded.py)
watcher.py        which message goes to which channel or search; budget.py: its share of the processor
channel.py        one watched channel, by decoder.py, background.py, clock_mask.py, zones.py, every_picture.py and
                  look_back.py
region_search.py  one search in recordings
regions.py        one part of pictures, for searches in recordings: has it moved, has it changed for good
"""
