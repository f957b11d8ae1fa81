"""Imports what functions import, once, in the process that their runtimes are forked from.

A cold start then takes tens of milliseconds, not a second. Only the import statements of the handlers' modules are
run, nothing of their own: what they make of their environment is theirs to make. `WARM` holds, as JSON, what
`frameloom.local.shared_imports.warm_up` returns.
"""

import ast
import gc
import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

WARM = "FRAMELOOM_WARM"


def warm(plan: Mapping[str, Any]) -> None:
    """Import what the modules `plan["handlers"]` import, with the folders `plan["layers"]` on the path."""
    # Thousands of classes and nothing to collect.
    gc.disable()
    sys.path[:0] = plan["layers"]
    for handler in map(Path, plan["handlers"]):
        for statement in _imports(handler):
            try:
                exec(compile(ast.Module([statement], []), str(handler), "exec"), {})  # noqa: S102  # an import
            except Exception as error:  # noqa: BLE001  # who calls the function will hear of it, in Lambda's words
                print(f"{handler}, line {statement.lineno}: {error}", file=sys.stderr)
    if "boto3" in sys.modules:
        _read_service_models()
    # Runtimes share this memory as long as nobody writes to it, and the collector writes to all it looks at.
    gc.freeze()
    gc.enable()


def _imports(handler: Path) -> Iterator[ast.stmt]:
    """Yield the import statements of a module, without those of its own folder's modules."""
    try:
        module = ast.parse(handler.read_bytes())
    except (OSError, SyntaxError):
        return
    for statement in module.body:
        match statement:
            case ast.Import(names=[ast.alias(name=name)]) | ast.ImportFrom(module=str() as name, level=0):
                top = name.partition(".")[0]
                own = (handler.parent / f"{top}.py").exists() or (handler.parent / top).exists()
                if not own:
                    yield statement


def _read_service_models() -> None:
    """Make a client of the default session, which reads the descriptions of the service and keeps them."""
    import boto3  # noqa: PLC0415  # only where a function uses it

    boto3.client("s3", region_name="us-east-1", aws_access_key_id="none", aws_secret_access_key="none")  # noqa: S106


if WARM in os.environ:
    warm(json.loads(os.environ[WARM]))
