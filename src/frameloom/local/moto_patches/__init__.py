"""Patches for moto 5.2.5, which is pinned: `correctness` makes it behave as AWS does, `speed` makes it faster.

A patch is a function that takes an attribute of moto and returns its replacement. Its docstring names the fact about
moto. Each patch has a canary, a test on unpatched moto that fails once moto no longer needs the patch. A patch without
a canary fails tests/conformance/test_moto_canaries.py.
"""

from pathlib import Path

from frameloom.local.lambda_host import LambdaHost
from frameloom.local.moto_patches.correctness import (
    cloudformation,
    event_sources,
    events,
    lambda_,
    s3,
    s3_objects,
    signing,
    sqs,
    stepfunctions,
)
from frameloom.local.moto_patches.speed import definitions, first_calls, template_json


def apply(functions: LambdaHost, *, secret: str, cache: Path | None = None) -> None:
    """Patch the moto of this process.

    Args:
        functions: runs its Lambda functions.
        secret: signs the calls of its state machines.
        cache: the folder for parsed definitions.
    """
    if cache is not None:
        definitions.keep_in(cache)
    cloudformation.apply()
    template_json.apply()
    s3.apply()
    s3_objects.apply()
    sqs.apply()
    events.apply()
    lambda_.apply(functions)
    event_sources.apply()
    signing.apply(secret)
    stepfunctions.apply()
    first_calls.apply(functions)
