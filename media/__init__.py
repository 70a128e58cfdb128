"""Media: device sessions over RTSP, ffmpeg, playlists. Processes are started in process.py only."""
