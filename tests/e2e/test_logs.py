"""`frameloom logs` as a user runs it, on a farm that runs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from frameloom.local.farm_state import FarmState, held
from frameloom.model.log_event import LogEvent
from tests.e2e.rig import Rig


def test_the_log_of_a_job_is_followed_to_its_end(
    rig: Rig, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRAMELOOM_HOME", str(tmp_path))
    rig.upload_quietly(tiny, "logged.blend")
    job_id = rig.start(file="logged.blend", frames="1-3", output="frames")
    command = [str(Path(sys.executable).with_name("frameloom")), "logs", job_id, "--follow", "--json"]
    with held():
        FarmState(endpoint=rig.farm.endpoint, outputs=rig.farm.outputs, environment=rig.farm.environment).save()
        ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=90)
    records = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [record["frame"] for record in records if record.get("event") == LogEvent.FRAME_RENDERED] == [1, 2, 3]
    assert records[-1]["event"] == LogEvent.CHUNK_SUCCEEDED
    assert rig.jobs.describe(job_id) == rig.end_of(job_id)
