"""Notices about a job: from the scene to the command line, the manifest and the report."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from frameloom.client import inspected_scene
from frameloom.model import keys
from frameloom.model.notices import Notice, NoticeKind
from frameloom.model.report import JobReport
from frameloom.model.scene import SceneFacts
from frameloom.services import resolve_request
from frameloom.services.scene.reader import read_scene
from frameloom.services.storage import job_documents
from tests.jobs import BUCKETS
from tests.scenes import make_scene
from tests.unit.memory_farm import MemoryFarm, Terminal, make_png

NOTICE = Notice(kind=NoticeKind.SCRIPTS, text="The rig 'Ann' does not move.", items=("Ann",))


@pytest.fixture
def terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """A terminal in the folder of a scene with one notice."""

    def noticed(path: Path, *, name: str | None = None) -> SceneFacts:
        return replace(read_scene(path, name=name), notices=(NOTICE,))

    for module in (resolve_request, inspected_scene):
        monkeypatch.setattr(module, "read_scene", noticed)
    monkeypatch.chdir(make_scene(tmp_path / "shot.blend").parent)
    return Terminal(capsys, monkeypatch, MemoryFarm(image=make_png(), stays=True))


def test_check_shows_a_notice(terminal: Terminal) -> None:
    ran = terminal.run("check", "shot.blend")
    assert (ran.code, ran.err) == (0, "frameloom: notice: The rig 'Ann' does not move.\n")
    assert json.loads(terminal.run("check", "shot.blend", "--json").out)["notices"] == [NOTICE.to_json()]


def test_render_shows_a_notice_before_the_job_starts_and_at_its_end(terminal: Terminal) -> None:
    ran = terminal.run("render", "shot.blend", "--out", "out")
    first, *_, last = ran.err.splitlines()
    assert (ran.code, first, last) == (0, NOTICE.text, f"frameloom: notice: {NOTICE.text}")
    assert json.loads(terminal.run("render", "shot.blend", "--json").out)["notices"] == [NOTICE.to_json()]


def test_a_detached_job_has_the_notice_in_its_json(terminal: Terminal) -> None:
    ran = terminal.run("render", "shot.blend", "--detach", "--json")
    assert (ran.code, json.loads(ran.out)["notices"]) == (0, [NOTICE.to_json()])


def test_the_manifest_the_report_and_the_status_of_a_job_have_the_notice(terminal: Terminal) -> None:
    assert terminal.run("render", "shot.blend").code == 0
    job, store = terminal.farm.job(), terminal.farm.store
    report = JobReport.model_validate(job_documents.read(store, BUCKETS.logs, keys.report_key(job.job_id)))
    assert (job.notices, report.notices) == ((NOTICE,), (NOTICE,))
    assert terminal.run("status", job.job_id).out.splitlines()[-1] == f"notice   {NOTICE.text}"
    assert json.loads(terminal.run("status", job.job_id, "--json").out)["notices"] == [NOTICE.to_json()]


def test_a_job_without_notices_has_no_field_that_earlier_versions_lack(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (resolve_request, inspected_scene):
        monkeypatch.setattr(module, "read_scene", read_scene)
    assert terminal.run("render", "shot.blend").code == 0
    job, store = terminal.farm.job(), terminal.farm.store
    for key in (keys.manifest_key(job.job_id), keys.report_key(job.job_id)):
        assert "notices" not in (job_documents.read(store, BUCKETS.logs, key) or {})


def test_a_notice_of_a_newer_version_is_read_without_its_kind() -> None:
    read = Notice.read({"kind": "weather", "text": "It rains.", "items": []})
    assert (read.kind, read.text) == (None, "It rains.")


def test_a_notice_keeps_the_first_hundred_names() -> None:
    notice = Notice(kind=NoticeKind.ADDONS, text="Many.", items=tuple(map(str, range(100_000))))
    assert (len(notice.items), notice.items[-1]) == (100, "99")
