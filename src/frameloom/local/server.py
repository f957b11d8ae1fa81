"""The emulator's server: patched moto that runs functions."""

import logging
import os
import signal
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from moto.core.config import default_user_config
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

from frameloom.local import moto_patches
from frameloom.local.access_control import AccessControl
from frameloom.local.call_recorder import Recorder
from frameloom.local.environment import farm_environment
from frameloom.local.keep_alive import ConnectionHandler
from frameloom.local.lambda_host import LambdaHost, end_forkserver
from frameloom.local.moto_patches.correctness import sqs

_LOCALHOST = "127.0.0.1"

# A state machine's worker thread makes about twenty nested calls per item of a Map.
_RECURSION_LIMIT = 1_000_000


def serve(
    *,
    port: int,
    fd: int | None,
    work_dir: Path,
    announce: int,
    secret: str,
    record: Path | None = None,
    cache: Path | None = None,
) -> None:
    """Serve on `port` of 127.0.0.1 until a signal or the end of standard input, then end this process and its children.

    Args:
        port: 0 takes a free one.
        fd: a listening socket, used instead of a port.
        work_dir: the folder for logs and temporary files.
        announce: the file descriptor to which the port is written, as a line, once the server is up.
        secret: the key that calls must be signed with.
        record: the file in which every call is recorded; see `frameloom.local.call_recorder`.
        cache: the folder for parsed definitions.
    """
    # Also for Flask's tracebacks, which moto does not log.
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    sys.setrecursionlimit(_RECURSION_LIMIT)
    # Large objects are stored here.
    tempfile.tempdir = str(work_dir / "tmp")
    # A function's code is a folder of this machine, not an object in a bucket.
    os.environ["VALIDATE_LAMBDA_S3"] = "false"
    default_user_config["stepfunctions"] = {"execute_state_machine": True}
    app = DomainDispatcherApplication(create_backend_app)
    if record is not None:
        app = Recorder(app, record)
    app = AccessControl(app, secret)
    server = make_server(_LOCALHOST, port, app, threaded=True, request_handler=ConnectionHandler, fd=fd)
    # Tasks of state machines call the other services through HTTP on this port.
    served_port = server.socket.getsockname()[1]
    os.environ["MOTO_PORT"] = str(served_port)
    environment = farm_environment(f"http://{_LOCALHOST}:{served_port}", secret=secret)
    environment["TMPDIR"] = str(work_dir / "tmp")
    functions = LambdaHost(environment=environment, log=work_dir / "functions.log")
    moto_patches.apply(functions, secret=secret, cache=cache)
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGINT, _end)
    threading.Thread(target=_end_with_standard_input, daemon=True).start()
    # The descriptor stays open, so that its end is the end of this process.
    os.write(announce, f"{served_port}\n".encode())
    try:
        server.serve_forever()
    finally:
        try:
            end_forkserver()
        finally:
            # At once: state machines may still run in threads.
            os._exit(0)


def _end(*_: Any) -> None:
    raise SystemExit


def _end_with_standard_input() -> None:
    # Any line before the end of the input announces the end.
    while os.read(0, 4096):
        sqs.end_polls()
    os.kill(os.getpid(), signal.SIGTERM)
