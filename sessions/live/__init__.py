"""Live sessions: one media profile of a camera as HLS and as fragments for sockets.

session.py makes one attempt (attempt.py) after another. plan.py decides between copying and transcoding. output.py is
the interface of the outputs: hls_output.py and fragment_output.py, whose fragments broadcast.py sends to the viewers.
status.py has the session's state, resources.py all that it holds outside of memory.
"""
