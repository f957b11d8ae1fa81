"""The emulator's connections stay open, and no byte of a call is read as part of the next."""

import http.client
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from frameloom.local.keep_alive import ConnectionHandler

Start = Callable[..., Any]


def application(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
    """Respond in the way that the path names."""
    match environ["PATH_INFO"]:
        case "/echo":
            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            start("200 OK", [("Content-Length", str(len(body))), ("X-Port", str(environ["REMOTE_PORT"]))])
            return [body]
        case "/unread":
            start("403 Forbidden", [("Content-Length", "2")])
            return [b"no"]
        case "/lines":
            lines = [environ["wsgi.input"].readline() for _ in range(3)]
            start("200 OK", [("Content-Length", str(sum(map(len, lines))))])
            return lines
        case "/endless":
            start("200 OK", [])
            return iter([b"one ", b"two"])
        case "/chunked":
            body = environ["wsgi.input"].read()
            start("200 OK", [("Content-Length", str(len(body)))])
            return [body]
        case "/fails":
            raise ValueError("an error for the log")
        case _:
            start("200 OK", [("Content-Length", "1000")])
            return []


def serving(handler: type[WSGIRequestHandler]) -> Iterator[BaseWSGIServer]:
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def server() -> Iterator[BaseWSGIServer]:
    yield from serving(ConnectionHandler)


@pytest.fixture
def connection(server: BaseWSGIServer) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    yield connection
    connection.close()


def call(
    connection: http.client.HTTPConnection, path: str, body: Any = None, **options: Any
) -> tuple[int, bytes, bool]:
    """Return a response's status and body, and whether the connection stays open."""
    connection.request(options.pop("method", "POST"), path, body, **options)
    answer = connection.getresponse()
    return answer.status, answer.read(), not answer.will_close


def test_a_connection_serves_several_calls(connection: http.client.HTTPConnection) -> None:
    ports = set()
    for body in (b"one", b"", b"x" * 1_000_000):
        connection.request("POST", "/echo", body)
        answer = connection.getresponse()
        assert answer.read() == body
        ports.add(answer.getheader("X-Port"))
    assert len(ports) == 1


def test_canary_werkzeug_closes_each_connection() -> None:
    for server in serving(WSGIRequestHandler):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        assert call(connection, "/echo", b"one") == (200, b"one", False)


def test_an_unread_body_is_not_the_next_call(connection: http.client.HTTPConnection) -> None:
    assert call(connection, "/unread", b"POST /fails HTTP/1.1\r\n\r\n" * 10_000) == (403, b"no", True)
    assert call(connection, "/echo", b"two") == (200, b"two", True)


def test_an_application_cannot_read_past_the_end_of_a_call(connection: http.client.HTTPConnection) -> None:
    assert call(connection, "/lines", b"a\nbc") == (200, b"a\nbc", True)
    assert call(connection, "/echo", b"two") == (200, b"two", True)


def test_a_response_without_a_length_ends_with_its_connection(connection: http.client.HTTPConnection) -> None:
    assert call(connection, "/endless") == (200, b"one two", False)


def test_a_chunked_body_is_read_to_its_end(connection: http.client.HTTPConnection) -> None:
    sent = call(connection, "/chunked", iter([b"one ", b"two"]), encode_chunked=True)
    assert sent == (200, b"one two", False)


def test_a_response_to_head_has_a_length_and_no_body(connection: http.client.HTTPConnection) -> None:
    connection.request("HEAD", "/length")
    answer = connection.getresponse()
    assert (answer.getheader("Content-Length"), answer.read()) == ("1000", b"")
    assert call(connection, "/echo", b"two") == (200, b"two", True)


def test_an_error_is_a_response_and_is_logged(
    connection: http.client.HTTPConnection, caplog: pytest.LogCaptureFixture
) -> None:
    status, _, stays_open = call(connection, "/fails", b"-")
    assert (status, stays_open) == (500, False)
    assert "an error for the log" in caplog.text


def test_a_client_may_wait_for_100_continue(server: BaseWSGIServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        client.sendall(b"POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        answers = client.makefile("rb")
        assert answers.readline() == b"HTTP/1.1 100 Continue\r\n"
        assert answers.readline() == b"\r\n"
        client.sendall(b"one")
        assert answers.readline() == b"HTTP/1.1 200 OK\r\n"


def test_a_cut_call_ends_its_connection(server: BaseWSGIServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        client.sendall(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nonly")
        client.shutdown(socket.SHUT_WR)
        answer = client.makefile("rb").read()
    assert answer.endswith(b"\r\n\r\nonly")


@pytest.mark.parametrize(
    "head",
    [
        "POST /echo HTTP/1.1\r\nContent-Length: -1",
        "POST /echo HTTP/1.1\r\nContent-Length: many",
        "POST http://[::1 HTTP/1.1\r\nContent-Length: 3",
    ],
)
def test_an_invalid_call_gets_400_and_is_not_read_further(
    server: BaseWSGIServer, caplog: pytest.LogCaptureFixture, head: str
) -> None:
    """With a negative length, the whole input would be read into memory before the signature is verified."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        client.sendall(f"{head}\r\nHost: x\r\n\r\n".encode())
        # The client has not closed its side.
        answer = client.makefile("rb").read()
    assert b"Error code: 400" in answer
    assert "Traceback" not in caplog.text


def test_a_client_can_close_its_connection(connection: http.client.HTTPConnection) -> None:
    assert call(connection, "/echo", b"one", headers={"Connection": "close"}) == (200, b"one", False)
