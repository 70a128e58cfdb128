"""Live sockets: WebSockets over which a page watches any number of channels and replays."""
