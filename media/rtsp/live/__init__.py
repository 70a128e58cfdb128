"""Live sources: one device session that several feeds share, and the loopback server for ffmpeg."""
