"""`python -m tests.fuzz.child TARGET [FLAG...]`: the process that libFuzzer controls and ends."""

import sys

import atheris

# The code whose coverage guides the fuzzer: ours, the Python libraries that read the same bytes, and the planted fault.
# Entries are packages, since importing a module imports its package.
INSTRUMENTED = ["frameloom", "blender_asset_tracer", "pydantic", "tests"]


def main() -> None:
    """Fuzz until the limits in the flags, or endlessly."""
    with atheris.instrument_imports(include=INSTRUMENTED):
        from tests.fuzz.targets import DRILLS, TARGETS  # noqa: PLC0415  instrumented as it is imported
    name, *flags = sys.argv[1:]
    atheris.Setup([sys.argv[0], *flags], (TARGETS | DRILLS)[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
