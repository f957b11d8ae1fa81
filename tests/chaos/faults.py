"""Faults of calls between a worker and AWS, and their frequency."""

import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from tests.chaos.proxy import Answer, Call, Forward, Gone, Treatment, wait_silently

# The share of calls with a fault: large enough to hit each call of a chunk within minutes, small enough for chunks to
# finish.
RATE = 0.12
# Seconds without a response, and seconds of delay of a slow network.
SILENCE, SLOWNESS = 3.0, 0.5


def _refused(status: int, code: str) -> Treatment:
    """Return a treatment that answers with an AWS error, in the protocol of the service."""

    def treat(call: Call, _: Forward) -> Answer:
        if call.service != "s3":
            body = json.dumps({"__type": code, "message": "chaos"}).encode()
            return Answer(status=status, headers={"Content-Type": "application/x-amz-json-1.0"}, body=body)
        text = f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>chaos</Message></Error>'
        # A response to HEAD has no body.
        body = b"" if call.method == "HEAD" else text.encode()
        return Answer(status=status, headers={"Content-Type": "application/xml"}, body=body)

    return treat


def _expired(call: Call, forward: Forward) -> Answer:
    return _refused(400, "ExpiredToken" if call.service == "s3" else "ExpiredTokenException")(call, forward)


def throttled(call: Call, forward: Forward) -> Answer:
    """Answer that the request was throttled."""
    if call.service == "s3":
        return _refused(503, "SlowDown")(call, forward)
    return _refused(400, "ThrottlingException")(call, forward)


def _silent(_: Call, __: Forward) -> Answer:
    wait_silently(SILENCE)
    raise AssertionError


def _reset(_: Call, __: Forward) -> Answer:
    raise Gone


def _answer_lost(call: Call, forward: Forward) -> Answer:
    forward(call)
    raise Gone


def _answer_cut(call: Call, forward: Forward) -> Answer:
    answer = forward(call)
    return replace(answer, sent=len(answer.body) // 2)


def _slow(call: Call, forward: Forward) -> Answer:
    time.sleep(SLOWNESS)
    return forward(call)


def _done_twice(call: Call, forward: Forward) -> Answer:
    forward(call)
    return forward(call)


def _short_lease(call: Call, forward: Forward) -> Answer:
    parameters = call.parameters() | {"VisibilityTimeout": 1}
    return forward(replace(call, body=json.dumps(parameters).encode()))


def _doubled(call: Call, forward: Forward) -> Answer:
    """Deliver a message and send its body to the queue again, as SQS may deliver twice."""
    answer = forward(call)
    for message in json.loads(answer.body).get("Messages", []):
        parameters = {"QueueUrl": call.parameters()["QueueUrl"], "MessageBody": message["Body"]}
        headers = {**call.headers, "X-Amz-Target": "AmazonSQS.SendMessage"}
        forward(replace(call, name="SendMessage", headers=headers, body=json.dumps(parameters).encode()))
    return answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault of the network, of AWS or of a clock.

    Attributes:
        name: its name in the report.
        treat: changes the call or its answer.
        weight: its frequency, relative to the others.
        strikes: whether it can happen to a call.
        loses_the_answer: whether the caller gets no usable answer.
    """

    name: str
    treat: Treatment
    weight: int = 4
    loses_the_answer: bool = True
    strikes: Callable[[Call], bool] = lambda _: True


def _takes_lease(call: Call) -> bool:
    return call.name in {"ReceiveMessage", "ChangeMessageVisibility"}


FAULTS = [
    Fault(name="500", treat=_refused(500, "InternalError")),
    Fault(name="503", treat=_refused(503, "ServiceUnavailable")),
    Fault(name="throttled", treat=throttled),
    Fault(name="expired token", treat=_expired),
    Fault(name="silence", treat=_silent, weight=2),
    Fault(name="connection reset", treat=_reset),
    Fault(name="done, answer lost", treat=_answer_lost),
    Fault(name="done, half of the answer lost", treat=_answer_cut),
    Fault(name="done twice", loses_the_answer=False, treat=_done_twice),
    Fault(name="slow", loses_the_answer=False, treat=_slow, weight=2),
    Fault(name="lease of a second", loses_the_answer=False, treat=_short_lease, weight=16, strikes=_takes_lease),
    Fault(
        name="message doubled",
        loses_the_answer=False,
        treat=_doubled,
        weight=24,
        strikes=lambda call: call.name == "ReceiveMessage",
    ),
]


class Dice:
    """Chooses the fault of the n-th call of an operation from the seed alone, whatever the order of the calls."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._counts: dict[str, int] = {}

    def roll(self, call: Call) -> Fault | None:
        """Return the fault of this call, None for most calls."""
        number = self._counts[call.name] = self._counts.get(call.name, 0) + 1
        dice = random.Random(f"{self._seed}/{call.name}/{number}")
        if dice.random() >= RATE:
            return None
        able = [fault for fault in FAULTS if fault.strikes(call)]
        return dice.choices(able, weights=[fault.weight for fault in able])[0]
