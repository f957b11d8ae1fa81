"""moto's server on a free port of 127.0.0.1: `python moto_server.py mended`, or `plain` for moto as it is.

It prints its port once it answers, and ends with its standard input, so that it outlives nobody.
"""

import os
import sys
import threading

from moto.core.config import default_user_config
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server


class _Quiet(WSGIRequestHandler):
    """Answers without a line in the log for each request."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""


def main() -> None:
    """Serve, with the mends of Step Functions if so told, and with no others."""
    if sys.argv[1] == "mended":
        from frameloom.local.moto_patches.correctness import stepfunctions  # noqa: PLC0415 - the plain server must not see it

        stepfunctions.apply()
    default_user_config["stepfunctions"] = {"execute_state_machine": True}
    app = DomainDispatcherApplication(create_backend_app)
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
    # Tasks of a state machine call the other services through HTTP, on the port that this names.
    os.environ["MOTO_PORT"] = str(server.server_port)
    print(server.server_port, flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()
    # At once: state machines may still run, in threads that nobody waits for.
    os._exit(0)


if __name__ == "__main__":
    main()
