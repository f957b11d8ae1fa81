"""What moto 5.2.5 lacks, mended: each mend is a small function whose docstring states the fact that it mends.

Each has a canary in tests/conformance/test_moto_mends.py that fails once moto no longer needs it; moto is pinned.
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
from frameloom.local.moto_patches.speed import definitions, first_calls


def apply(functions: LambdaHost, *, secret: str, cache: Path | None = None) -> None:
    """Mend the moto of this process.

    Args:
        functions: what its Lambda functions run on.
        secret: signs the calls of its state machines.
        cache: a folder for what the next process would otherwise work out again.
    """
    if cache is not None:
        definitions.keep_in(cache)
    cloudformation.apply()
    s3.apply()
    s3_objects.apply()
    sqs.apply()
    events.apply()
    lambda_.apply(functions)
    event_sources.apply()
    signing.apply(secret)
    stepfunctions.apply()
    first_calls.apply(functions)
