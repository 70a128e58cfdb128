"""Media: sessions with devices over RTSP, containers and playlists for browsers, and ffmpeg.

codecs/      NAL units, parameter sets, AAC, FLAC; the access unit that the other packages pass on
fmp4/        fragmented MP4: fragments of live frames, segments of recordings            -> codecs
hls/         playlists of a live session and of a replay
rtsp/        the RTSP gateway; see there                                                 -> codecs, fmp4
commands.py  ffmpeg's arguments
ffmpeg.py    which ffmpeg to run
flv.py       reads the frames that ffmpeg writes to its standard output                  -> codecs
process.py   the only file that starts processes

An arrow names the other parts of media that a part imports; of the rest of the app all import core only.
tests/test_architecture.py checks both. sessions/ puts the parts together: it opens feeds and replay connections at the
gateway, starts ffmpeg on a feed's address, and writes segments and playlists.
"""
