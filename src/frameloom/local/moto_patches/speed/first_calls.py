"""What a farm's first job would wait for, done as soon as its stack is there: nothing here changes an answer."""

import threading
import time
from collections.abc import Iterator
from functools import cache
from typing import Any

from moto.awslambda.models import LambdaFunction, lambda_backends
from moto.cloudformation.models import CloudFormationBackend
from moto.core import utils
from moto.core.routing import get_service_router
from moto.stepfunctions.parser.asl.utils.boto_client import boto_client_for
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

from frameloom.local.lambda_host import LambdaHost
from frameloom.local.moto_patches.correctness.lambda_ import described
from frameloom.local.moto_patches.patch import replace

# Whom a job asks, and whom its states ask.
_ASKED = ("s3", "stepfunctions", "lambda", "sqs", "events")
_ASKED_BY_STATES = ("lambda", "sqs", "s3", "events")

# The first functions of a job are wanted at once, and so is Blender, which starts at the same time; the others wait.
_AT_ONCE, _LATER = 2, 1.5


def apply(functions: LambdaHost) -> None:
    """Get a stack ready for its first job once it has been created, beside whatever else is asked meanwhile."""
    replace(utils, "create_loader", _one_looks_for_all)
    replace(CloudFormationBackend, "create_stack", lambda original: _then_gets_ready(original, functions))


def _one_looks_for_all(original: Any) -> Any:
    """One loader reads the descriptions of all services.

    Fact: each service is looked for anew in the folders of all four hundred, 15 ms.
    """
    return cache(original)


def _then_gets_ready(original: Any, functions: LambdaHost) -> Any:
    """A stack that has been created gets ready.

    Facts: a service's description is read at the first call to it (35 ms), its client is made at the first task that
    calls it (60 ms), and a function's process is started by its first call (60 ms). A job has a dozen such firsts.
    """

    def create_stack(self: Any, *args: Any, **kwargs: Any) -> Any:
        stack = original(self, *args, **kwargs)
        threading.Thread(target=_get_ready, args=(functions, self.account_id, self.region_name), daemon=True).start()
        return stack

    return create_stack


def _get_ready(functions: LambdaHost, account: str, region: str) -> None:
    for service in _ASKED_BY_STATES:
        boto_client_for(region, service)
    for service in _ASKED:
        get_service_router(service)
    for number, function in enumerate(_functions_of_states(account, region)):
        if number == _AT_ONCE:
            time.sleep(_LATER)
        functions.start(described(function))


def _functions_of_states(account: str, region: str) -> Iterator[LambdaFunction]:
    """Yield the functions that state machines call, in the order in which they name them."""
    machines = stepfunctions_parser_backends[account][region].state_machines
    definitions = " ".join(machine.definition for machine in machines)
    functions = [each for each in lambda_backends[account][region].list_functions() if each.function_arn in definitions]
    yield from sorted(functions, key=lambda function: definitions.index(function.function_arn))
