"""A server that gives one answer to all requests, as storages of several makes do when they refuse."""

from __future__ import annotations

import http.server
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.s3_server import KEY_ID, SECRET


@contextmanager
def answering(
    status: int, code: str = "", seen: list[str] | None = None, tls: tuple[Path, Path] | None = None
) -> Iterator[str]:
    """Yield the address of a server with this status and error code. Its answers quote the key, as real ones do.

    `seen`: gets the header Authorization of each request. `tls`: certificate and key.
    """
    body = f"<Error><Code>{code}</Code><AWSAccessKeyId>{KEY_ID}</AWSAccessKeyId><Secret>{SECRET}</Secret></Error>"

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if seen is not None:
                seen.append(self.headers.get("Authorization", ""))
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(status)
            content = body.encode() if code and self.command != "HEAD" else b""
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_PUT = do_POST = do_HEAD = do_GET  # noqa: N815 - names of http.server

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}" if tls is None else f"https://localhost:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
