"""`python -m tests.fuzz.child TARGET [FLAG...]`: the process that libFuzzer controls and ends."""

import sys

import atheris

# The instrumented code: ours, foreign Python code that reads the same bytes, and the planted fault.
# Whole packages: a module adds its package.
INSTRUMENTED = ["frameloom", "blender_asset_tracer", "pydantic", "tests"]


def main() -> None:
    """Fuzz without an end, or until the flags end it."""
    with atheris.instrument_imports(include=INSTRUMENTED):
        from tests.fuzz.targets import DRILLS, TARGETS  # noqa: PLC0415  instrumented as it is imported
    name, *flags = sys.argv[1:]
    atheris.Setup([sys.argv[0], *flags], (TARGETS | DRILLS)[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
