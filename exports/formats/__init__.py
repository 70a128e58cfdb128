"""Formats of exported files besides MP4: the original, working copies, pictures.

original.py makes an MKV of pieces. copies.py encodes working copies of finished files, burnt_time.py and font.py draw
their time, and plan.py tells which copies a job needs. poster.py makes the small picture of a range.
"""
