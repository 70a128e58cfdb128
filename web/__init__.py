"""HTTP: pages, the API, the guard in front of both. Reads a request, makes one call, answers."""
