"""Live sessions: one media profile of a camera as HLS and as fragments for sockets.

session.py makes one attempt (attempt.py) after another. plan.py decides between copying and transcoding. output.py is
the interface of the outputs: hls_output.py, fragment_output.py and small_output.py (small video for thin links, made by
small_video.py). broadcast.py sends the fragments of the last two to the viewers.
status.py has the session's state, resources.py all that it holds outside of memory.
"""
