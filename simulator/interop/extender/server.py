"""The extender over HTTP: POST /filter and /prioritize, and the pods of the cluster from its API server."""

from __future__ import annotations

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.error import URLError
from urllib.request import urlopen

from simulator.interop.extender.extender import Extender, PolicyFault
from simulator.interop.extender.objects import Json, Unreadable

_MOST_BYTES: Final = 256 << 20  # of one request: five thousand nodes with all their images are some megabytes
_TIMEOUT_S: Final = 5.0  # kube-scheduler waits 30 s for an extender


def pods_at(api: str) -> Callable[[], list[Json]]:
    """What lists the pods of a cluster at `api`: an API server without authentication, as `kubectl proxy` offers it."""

    def listed() -> list[Json]:
        try:
            with urlopen(f"{api.rstrip('/')}/api/v1/pods", timeout=_TIMEOUT_S) as answer:
                items: list[Json] = json.load(answer)["items"]
        except (URLError, OSError, ValueError, KeyError) as error:
            raise Unreadable(f"no pods from {api}: {error}") from None
        return items

    return listed


def serve(
    extender: Extender, port: int, told: Callable[[str], None], address: str = "127.0.0.1"
) -> ThreadingHTTPServer:
    """A server that is bound to a port (0: any that is free) and waits for `serve_forever`. `told` hears of errors."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            verb = self.path.strip("/").rpartition("/")[2]
            length = int(self.headers.get("Content-Length") or 0)
            if not 0 < length <= _MOST_BYTES:
                self._answer(400, {"Error": "the request has no body, or one that is too large"})
                return
            try:
                args = json.loads(self.rfile.read(length))
                if verb not in ("filter", "prioritize") or not isinstance(args, dict):
                    self._answer(404, {"Error": f"no verb {verb!r}: filter or prioritize, with ExtenderArgs"})
                    return
                found: Any = extender.filter(args) if verb == "filter" else extender.prioritize(args)
            except (Unreadable, PolicyFault, json.JSONDecodeError) as error:
                # kube-scheduler reads an error of filter from the result, of prioritize from the status.
                told(f"{verb}: {error}")
                self._answer(500, {"Error": str(error)})
                return
            if isinstance(found, dict) and found.get("Error"):
                told(f"{verb}: {found['Error']}")
            self._answer(200, found)

        def _answer(self, status: int, document: Any) -> None:
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: what matters is told."""

    return ThreadingHTTPServer((address, port), Handler)
