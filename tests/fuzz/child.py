"""`python -m tests.fuzz.child TARGET [FLAG...]`: the process that libFuzzer owns, and ends as it likes."""

import sys

import atheris

# What coverage tells apart: our code, that of others in Python which reads the same bytes, and the planted fault.
# Whole packages: a module brings its package along.
INSTRUMENTED = ["frameloom", "blender_asset_tracer", "pydantic", "tests"]


def main() -> None:
    """Fuzz without end, or until the flags say so."""
    with atheris.instrument_imports(include=INSTRUMENTED):
        from tests.fuzz.targets import DRILLS, TARGETS  # noqa: PLC0415  instrumented as it is imported
    name, *flags = sys.argv[1:]
    atheris.Setup([sys.argv[0], *flags], (TARGETS | DRILLS)[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
