"""moto's server on a free port of 127.0.0.1: `python moto_server.py patched`, or `plain` for unpatched moto.

It prints its port once it is up, and ends with its standard input, so that it ends with the tests.
"""

import os
import sys
import threading

from moto.core.config import default_user_config
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server


class _Quiet(WSGIRequestHandler):
    """Logs no requests."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing."""


def main() -> None:
    """Serve, with the patches of Step Functions or without any patches."""
    if sys.argv[1] == "patched":
        # Here, so that the unpatched server does not import the patches.
        from frameloom.local.moto_patches.correctness import stepfunctions  # noqa: PLC0415

        stepfunctions.apply()
    default_user_config["stepfunctions"] = {"execute_state_machine": True}
    app = DomainDispatcherApplication(create_backend_app)
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
    # Tasks of a state machine call the other services through HTTP on this port.
    os.environ["MOTO_PORT"] = str(server.server_port)
    print(server.server_port, flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()
    # At once: state machines may still run in threads.
    os._exit(0)


if __name__ == "__main__":
    main()
