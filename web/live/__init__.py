"""Live sockets: WebSockets over which a page watches any number of channels and replays.

The route `/live` gives them their name. A replay uses the same socket: "live" means here that the server sends each
frame when it has it, and that the page requests no files.

 1. route.py checks the request and makes it a WebSocket; handover.py takes its connection away from gunicorn.
 2. sockets.py: one thread with an event loop owns every socket; worker threads make the calls that may block.
 3. connection.py: the bytes of one socket (RFC 6455), and slow readers.
 4. socket_handler.py: the messages of one socket and the fragments of channels; replay.py those of replays. wire.py:
    the head of binary messages, and checks of the fields of JSON messages.
 5. backend.py: the calls of the app: access check, StreamManager, viewers, audit log.
"""
