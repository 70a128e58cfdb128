"""Fragmented MP4 (ISO/IEC 14496-12), as much of it as MediaSource and hls.js need.

live.py (a fragment per frame) and segments.py (segments and parts of recordings) take access units. audio.py places
their audio, tracks.py makes the init section's tracks, writer.py writes sections and fragments out of boxes.py.
"""
