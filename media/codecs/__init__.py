"""Codecs: NAL units, parameter sets, audio, and the access unit that all packages pass on. No transport.

video.py is the interface of the video codecs, h264.py and h265.py implement it; nal.py and bits.py read their bytes.
aac.py, latm.py, opus.py and flac.py are for audio. access_unit.py has the AccessUnit, which media/rtsp makes and
media/fmp4 takes.
"""
