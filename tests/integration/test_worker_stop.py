"""Real workers that receive SIGTERM while they wait for work, on the local farm's emulator."""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from frameloom.local.local_farm import LocalFarm
from frameloom.model.log_event import LogEvent
from tests.e2e.rig import Rig, wait
from tests.scenes import make_scene

# In seconds: a farm whose workers wait out a poll of SQS' takes 20, and kills them after 5.
QUICK = 3.0


def test_a_chunk_given_back_while_an_idle_worker_stops_costs_neither_a_lease_nor_a_receive(tmp_path: Path) -> None:
    scene = make_scene(tmp_path / "slow.blend", frames=(1, 1), size=(1920, 1080), samples=4096)
    with LocalFarm(workers=2, work_dir=tmp_path / "farm") as farm:
        rig = Rig(farm, tmp_path / "calls")
        rig.upload_quietly(scene, "slow.blend")
        job = rig.start(file="slow.blend", frames="1", output="frames")
        rig.wait_for_log(job, LogEvent.FRAME_STARTED)

        def received() -> list[dict[str, Any]]:
            return [record for record in rig.log(job) if record.get("event") == LogEvent.CHUNK_RECEIVED]

        for pid in farm.workers:
            os.kill(pid, signal.SIGTERM)
        twice = wait(lambda: found if len(found := received()) > 1 else None, "the chunk once more", patience=30)
        rig.jobs.stop(job, reason="The test is over.")
        quiet = rig.sqs.create_queue(QueueName="quiet")["QueueUrl"]
        with ThreadPoolExecutor(1) as pool:
            poll = pool.submit(rig.sqs.receive_message, QueueUrl=quiet, WaitTimeSeconds=20)
            time.sleep(0.5)
            begun = time.monotonic()
            farm.close()
            # The poll was answered, as those of idle workers are, so no worker waits for its end and is killed.
            assert "Messages" not in poll.result()
    assert [record["facts"]["receives"] for record in twice] == [1, 1]
    assert time.monotonic() - begun < QUICK
