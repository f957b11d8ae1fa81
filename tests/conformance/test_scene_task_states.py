"""The states that have a worker do a task of the whole scene, between two runs of PrepareJob."""

import json

from frameloom.model.errors import AttemptFailed, JobImpossible, names
from statemachine.__main__ import DEFINITION, ROOT
from tests.conformance import asl_checks


def test_a_task_of_the_whole_scene_is_retried_as_a_chunk_is_and_then_fails_the_job() -> None:
    machine = json.loads((ROOT / DEFINITION).read_text(encoding="utf-8"))
    states = machine["States"]
    tasks = [name for name, state in states.items() if "task" in state.get("Parameters", {}).get("MessageBody", {})]
    assert tasks == ["InspectScene"]
    for name in tasks:
        state, chunk = (
            states[name],
            next(each.state for each in asl_checks.every_state(machine) if each.name == "RenderChunk"),
        )
        assert state["Parameters"]["MessageBody"]["task_token.$"] == "$$.Task.Token"
        assert (state["HeartbeatSecondsPath"], state["TimeoutSecondsPath"]) == (
            chunk["HeartbeatSecondsPath"],
            chunk["TimeoutSecondsPath"],
        )
        retried = [*names(JobImpossible), *names(AttemptFailed), "ChunkLost", "States.HeartbeatTimeout"]
        assert [asl_checks.retries(state, error) for error in retried] == [
            asl_checks.retries(chunk, error) for error in retried
        ]
        assert asl_checks.retries(state, "TaskLost") == 1
        assert state["Next"] == "PrepareJob"


def test_prepare_job_gets_the_same_input_after_a_task() -> None:
    machine = json.loads((ROOT / DEFINITION).read_text(encoding="utf-8"))
    payload = machine["States"]["PrepareJob"]["Parameters"]["Payload"]
    assert (payload["input.$"], payload["state.$"]) == ("$$.Execution.Input", "$")
    assert machine["States"]["InspectScene"]["ResultPath"] == "$.answer"
