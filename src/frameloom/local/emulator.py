"""`python -m frameloom.local.emulator`: the embedded AWS, a process of its own.

It prints the port it answers on, on 127.0.0.1, once it does. It ends on SIGTERM, and when its standard input ends:
the process that started it holds the other end, and may die without stopping it. A line on standard input announces
the end: the emulator then answers long polls at once. A socket that listens already (`--fd`) lets others connect
before it is up: they wait until it is. Calls must be signed with the key in its environment variable
AWS_SECRET_ACCESS_KEY; an argument would be readable by all users.

The imports stand inside, since every process that a function runs in imports this module first.
"""


def main() -> None:
    """Read the arguments and serve until the end."""
    import argparse  # noqa: PLC0415
    import gc  # noqa: PLC0415
    import os  # noqa: PLC0415
    from pathlib import Path  # noqa: PLC0415

    parser = argparse.ArgumentParser(prog="python -m frameloom.local.emulator", description="Run the embedded AWS.")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--port", type=int, default=0, help="0, which is the default, takes one that is free")
    where.add_argument("--fd", type=int, help="a socket to listen on, as a file descriptor")
    parser.add_argument("--work-dir", type=Path, required=True, help="where logs and temporary files go")
    parser.add_argument("--warm", default='{"handlers": [], "layers": []}', help="what functions import, as JSON")
    parser.add_argument("--record", type=Path, help="a file that every call is written down in")
    parser.add_argument("--cache", type=Path, help="a folder for what the next emulator can use")
    parser.add_argument("--every-service", action="store_true", help="have all of AWS, not just what a farm needs")
    arguments = parser.parse_args()

    # What moto prints goes to standard error from here on, and standard output ends with this process.
    announce = os.dup(1)
    os.dup2(2, 1)

    # First, so that it imports what functions need while this process imports what it needs itself.
    from frameloom.local import lambda_host  # noqa: PLC0415

    lambda_host.start_forkserver(arguments.warm)
    if not arguments.every_service:
        from frameloom.local import stub_services  # noqa: PLC0415

        stub_services.apply()
    # moto's responses allow every origin by default; moto reads this variable at import.
    os.environ["MOTO_DISABLE_GLOBAL_CORS"] = "true"
    # Thousands of modules and nothing to collect: a tenth of the time to start.
    gc.disable()
    from frameloom.local import server  # noqa: PLC0415

    gc.freeze()
    gc.enable()
    server.serve(
        port=arguments.port,
        fd=arguments.fd,
        work_dir=arguments.work_dir,
        announce=announce,
        secret=os.environ["AWS_SECRET_ACCESS_KEY"],
        record=arguments.record,
        cache=arguments.cache,
    )


if __name__ == "__main__":
    main()
