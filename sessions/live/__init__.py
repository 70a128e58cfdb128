"""Live sessions: one media profile of a camera as HLS and as fragments for sockets."""
