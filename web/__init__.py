"""The HTTP side: pages, API, live sockets, access control. A view reads a request, makes one call and answers."""
