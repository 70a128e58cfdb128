"""Watches pictures for movement in a child process (`python -m vision`), one for all channels.

messages.py  the messages of the pipe, the only module that the app imports; standard library only
regions.py   one part of pictures, for searches in recordings: has it moved, has it changed for good
"""
