"""Does tasks of the whole scene: Blender inspects a scene that PrepareJob cannot read."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from frameloom.model import keys
from frameloom.model.messages import SceneTask
from frameloom.services.storage import job_documents
from frameloom.services.storage.ports import Store
from worker.blender import Blender
from worker.blender_versions import find_blender
from worker.outcome import Outcome
from worker.scenes import SceneCache

# Blender opens a scene of a gigabyte in seconds, and prints nothing meanwhile.
_LONGEST_OPENING = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneTasks:
    """Does tasks with the Blender that their settings name, and writes their results to the log bucket `bucket`."""

    blender: Blender
    scenes: SceneCache
    store: Store
    bucket: str

    def do(self, task: SceneTask, *, released: Callable[[], bool]) -> Outcome:
        """Do a task; its result is in S3 unless the outcome has an error.

        Args:
            released: whether the worker has released the task. The code that releases it also kills Blender.
        """
        outcome = Outcome()
        with outcome.catching(f"the task {task.task}"):
            find_blender(task.settings.blender)
            self.blender.silence_timeout = timedelta(seconds=task.frame_timeout)
            path = self.scenes.fetch(task.scene)
            if not released():
                {"inspect": self._inspect}[task.task](task, path)
        return outcome

    def _inspect(self, task: SceneTask, path: Path) -> None:
        # A scene may name a pipe as a library, and Blender would wait for its writer.
        self.blender.silence_timeout = min(self.blender.silence_timeout, _LONGEST_OPENING)
        facts = self.blender.inspect(path, name=task.scene.key, version=task.settings.blender)
        document = {"digest": task.scene.digest, "facts": facts}
        job_documents.write(self.store, self.bucket, keys.facts_key(task.job_id), document)
