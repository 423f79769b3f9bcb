"""A registry that was brought back from nothing and gives old ids to other schemas."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlsplit

import requests

PATIENCE_S = 30


@contextmanager
def confused(url: str, *, of: int, leads_to: int) -> Iterator[str]:
    """Yield the URL of a registry as the one at `url`, whose id `of` leads to another's schema."""
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc}"

    class Relay(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, mark, query = self.path.partition("?")
            if path.endswith(f"/schemas/ids/{of}"):
                path = f"{path.removesuffix(str(of))}{leads_to}"
            self._pass_on("GET", f"{path}{mark}{query}")

        def do_POST(self) -> None:
            self._pass_on("POST", self.path)

        def log_message(self, *_: object) -> None:
            pass

        def _pass_on(self, method: str, path: str) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            kind = self.headers.get("Content-Type", "application/json")
            answer = requests.request(
                method,
                f"{origin}{path}",
                data=body,
                headers={"Content-Type": kind},
                timeout=PATIENCE_S,
            )
            self.send_response(answer.status_code)
            self.send_header("Content-Type", answer.headers["Content-Type"])
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Relay)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{parts.path}"
    finally:
        server.shutdown()
        server.server_close()
