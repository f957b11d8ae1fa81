"""`python -m frameloom.local.emulator`: the embedded AWS, in its own process.

It prints its port on 127.0.0.1 once it is up. It ends on SIGTERM and at the end of its standard input, whose other end
belongs to the process that started it and ends even if that process is killed. A line on standard input announces the
end: the emulator then answers long polls at once. With a listening socket (`--fd`), clients can connect before the
emulator is up, and wait until it is. Calls must be signed with the key in its environment variable
AWS_SECRET_ACCESS_KEY; an argument would be readable by all users.

The imports are inside `main`, since each process of a function imports this module first.
"""


def main() -> None:
    """Parse the arguments and serve until the end."""
    import argparse  # noqa: PLC0415
    import gc  # noqa: PLC0415
    import os  # noqa: PLC0415
    from pathlib import Path  # noqa: PLC0415

    parser = argparse.ArgumentParser(prog="python -m frameloom.local.emulator", description="Run the embedded AWS.")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--port", type=int, default=0, help="the port to listen on; 0, the default, takes a free one")
    where.add_argument("--fd", type=int, help="a listening socket, as a file descriptor")
    parser.add_argument("--work-dir", type=Path, required=True, help="the folder for logs and temporary files")
    parser.add_argument(
        "--warm", default='{"handlers": [], "layers": []}', help="the imports of the functions, as JSON"
    )
    parser.add_argument("--record", type=Path, help="a file in which every call is recorded")
    parser.add_argument("--cache", type=Path, help="a folder that the next emulator reads, too")
    parser.add_argument("--every-service", action="store_true", help="import every service of moto")
    arguments = parser.parse_args()

    # moto's output goes to standard error from here on. Standard output stays open until this process ends.
    announce = os.dup(1)
    os.dup2(2, 1)

    # First, so that the imports of functions run in parallel with those of this process.
    from frameloom.local import lambda_host  # noqa: PLC0415

    lambda_host.start_forkserver(arguments.warm)
    if not arguments.every_service:
        from frameloom.local import stub_services  # noqa: PLC0415

        stub_services.apply()
    # moto's responses allow every origin by default; moto reads this variable at import.
    os.environ["MOTO_DISABLE_GLOBAL_CORS"] = "true"
    # Imports create thousands of modules and no garbage; the collector would take a tenth of the start.
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
