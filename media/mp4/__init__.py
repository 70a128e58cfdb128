"""Progressive MP4 (ISO/IEC 14496-12): files that play everywhere, with all tables before the first sample.

video.py collects the samples of a stretch of video, audio.py lays its audio out without gaps, tables.py makes moov out
of both, and writer.py copies the samples behind it.
"""
