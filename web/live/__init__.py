"""Live pictures over WebSockets: connections taken over from gunicorn, one thread for all of them."""
