"""The extender over HTTP: POST /filter and /prioritize, and the pods of the cluster from its API server."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from http.client import HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Literal
from urllib.parse import urlsplit
from urllib.request import urlopen

from simulator.interop.extender.extender import Extender, PolicyFault
from simulator.interop.extender.objects import Json, Unreadable

_MOST_BYTES: Final = 256 << 20  # of one request: five thousand nodes with all their images are some megabytes
_TIMEOUT_S: Final = 5.0  # kube-scheduler waits 30 s for an extender


def listed_at(api: str, kind: Literal["pods", "nodes"]) -> Callable[[], list[Json]]:
    """What lists the pods or nodes of a cluster at `api`: an API server without authentication, as `kubectl proxy`
    offers it."""

    def listed() -> list[Json]:
        try:
            with urlopen(f"{api.rstrip('/')}/api/v1/{kind}", timeout=_TIMEOUT_S) as answer:
                items: list[Json] = json.load(answer)["items"] or []
        except (OSError, HTTPException, ValueError, KeyError, TypeError) as error:
            raise Unreadable(f"no {kind} from {api}: {error}") from None
        return items

    return listed


def serve(
    extender: Extender, port: int, told: Callable[[str], None], address: str = "127.0.0.1"
) -> ThreadingHTTPServer:
    """A server that is bound to a port (0: any that is free) and waits for `serve_forever`. `told` hears of errors."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            verb = urlsplit(self.path).path.strip("/").rpartition("/")[2]
            length = self.headers.get("Content-Length", "")
            if not length.isdecimal() or not 0 < int(length) <= _MOST_BYTES:
                self.close_connection = True  # its body is not read
                self._answer(400, {"Error": "the request has no body, or one that is too large"})
                return
            body = self.rfile.read(int(length))
            if verb not in ("filter", "prioritize"):
                self._answer(404, {"Error": f"no verb {verb!r}: filter or prioritize"})
                return
            status, found = self._found(verb, body)
            if isinstance(found, dict) and found.get("Error"):
                told(f"{verb}: {found['Error']}")
            self._answer(status, found)

        def _found(self, verb: str, body: bytes) -> tuple[int, Any]:
            """kube-scheduler reads an error of filter from the result, of prioritize from the status."""
            try:
                args = json.loads(body)
            except ValueError as error:
                return 400, {"Error": f"the request is no JSON: {error}"}
            if not isinstance(args, dict):
                return 400, {"Error": "the request is no ExtenderArgs: an object with Pod and Nodes"}
            try:
                return 200, extender.filter(args) if verb == "filter" else extender.prioritize(args)
            except (Unreadable, PolicyFault) as error:
                return 500, {"Error": str(error)}
            except Exception as error:  # a mistake of ours: the scheduler is told, and served on
                return 500, {"Error": f"{type(error).__name__}: {error}"}

        def _answer(self, status: int, document: Any) -> None:
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: what matters is told."""

    class Server(ThreadingHTTPServer):
        request_queue_size = 128  # a scheduler that asks again, and others: none is refused

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Who has gone in the middle is told of in a line."""
            told(f"no answer to {client_address[0]}: {sys.exc_info()[1]}")

    return Server((address, port), Handler)
