"""A relay on loopback that keeps the bytes of one exchange, and reads them as HTTP/1.1."""

import contextlib
import socket
import threading

# Longer than any exchange of a recording takes.
PATIENCE = 30


class Relay:
    """Passes one connection on to `upstream`, a pair of host and port. `with Relay(…) as relay:` ends with all bytes
    in `relay.sent` and `relay.came`."""

    def __init__(self, upstream):
        self.upstream, self.sent, self.came = upstream, bytearray(), bytearray()

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(PATIENCE)
        self.port = self.listener.getsockname()[1]
        self.serving = threading.Thread(target=self.serve, daemon=True)
        self.serving.start()
        return self

    def __exit__(self, *_):
        # The client has closed its connection, and with it the relay's reading ends.
        self.serving.join(PATIENCE)
        self.listener.close()

    def serve(self):
        with contextlib.suppress(OSError):
            client, _ = self.listener.accept()
            with client, socket.create_connection(self.upstream) as server:
                back = threading.Thread(target=pump, args=(server, client, self.came), daemon=True)
                back.start()
                pump(client, server, self.sent)
                back.join(PATIENCE)


def pump(source, target, kept):
    """Passes bytes on until the source ends, and then the end too."""
    with contextlib.suppress(OSError):
        while part := source.recv(65_536):
            kept += part
            target.sendall(part)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def message(content):
    """First line, headers (names in small letters, order kept) and body of a message. Chunks are put together."""
    head, _, body = bytes(content).partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = [[name.lower(), value.strip()] for name, _, value in (line.partition(":") for line in lines)]
    if dict(map(tuple, headers)).get("transfer-encoding") == "chunked":
        body = whole(body)
    return first, headers, body.decode()


def whole(body):
    """A body without the marks of its chunks."""
    out = bytearray()
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size.split(b";")[0], 16)
        if length == 0:
            return bytes(out)
        out += body[:length]
        body = body[length + 2 :]
    # Without its last chunk the body was cut: what came of it is kept.
    return bytes(out)
