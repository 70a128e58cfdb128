"""A plain page that plays streams of a peer over WebRTC, by the WebRTC-HTTP Egress Protocol (WHEP).

/?play=0,1,2   plays these streams

The page sends its offers to this server, which passes them on, so that the peer needs no settings for other origins.
"""

from __future__ import annotations

import http.server
import threading
import urllib.error
import urllib.request

_PAGE = b"""<!doctype html><style>video { width: 24%; }</style><body><script type="module">
const gathered = (peer) => new Promise((resolve) => {
  const look = () => peer.iceGatheringState === 'complete' && resolve();
  peer.addEventListener('icegatheringstatechange', look);
  look();
});
async function play(number) {
  const video = document.createElement('video');
  Object.assign(video, { muted: true, autoplay: true });
  document.body.append(video);
  const peer = new RTCPeerConnection();
  peer.addTransceiver('video', { direction: 'recvonly' });
  peer.addEventListener('track', ({ track }) => { video.srcObject = new MediaStream([track]); });
  await peer.setLocalDescription();
  await gathered(peer);
  const { sdp } = peer.localDescription;
  const answer = await fetch(`/offer/${number}`, { method: 'POST', body: sdp });
  await peer.setRemoteDescription({ type: 'answer', sdp: await answer.text() });
}
for (const number of new URLSearchParams(location.search).get('play').split(',')) play(number);
</script></body>"""
_TIMEOUT_S = 60.0


class WhepServer:
    """Serves the page. `address`: of a stream's WHEP, with `{}` for its number."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def page(self, numbers: list[int]) -> str:
        return f"http://localhost:{self._server.server_address[1]}/?play={','.join(map(str, numbers))}"

    def answer(self, number: str, offer: bytes) -> tuple[int, bytes]:
        """Return the peer's status and its answer (SDP) to an offer."""
        headers = {"Content-Type": "application/sdp"}
        request = urllib.request.Request(self._address.format(number), data=offer, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def __enter__(self) -> WhepServer:
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler(whep: WhepServer) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._send(200, _PAGE, "text/html")

        def do_POST(self) -> None:
            offer = self.rfile.read(int(self.headers["Content-Length"]))
            status, answer = whep.answer(self.path.rsplit("/", 1)[1], offer)
            self._send(status, answer, "application/sdp")

        def _send(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name for it
            del format, args

    return Handler
