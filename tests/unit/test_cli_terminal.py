"""Foreign text is printed to the terminal and cannot control it."""

import ast
import io
import json
import unicodedata
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table
from rich.text import Text

import frameloom.cli
from frameloom.cli import confirm
from frameloom.cli.console import PlainConsole
from frameloom.cli.display import LineDisplay, LiveDisplay
from frameloom.cli.fleet.watch_sample import Sample
from frameloom.cli.fleet.watch_view import LineView, TableView
from frameloom.cli.terminal import plain, say_json
from frameloom.model import keys
from frameloom.model.job_status import JobStatus
from frameloom.model.log_event import LogEvent
from frameloom.model.messages import LogRecord
from frameloom.services.follow_job import Snapshot
from frameloom.services.storage.ports import Execution
from frameloom.testing import MemoryExecutions
from tests.jobs import BUCKETS, make_job
from tests.scenes import make_scene
from tests.unit.memory_farm import MemoryFarm, Terminal

# Clears the screen, sets the title, shows the rest in reverse, begins a CSI of eight bits, and forges a line.
HOSTILE = "\x1b[2J\x1b]0;mine\x07\u202etxt\x9b2K\r\nfake [red]line[/] [/x]\x7f"
SHOWN = r"\x1b[2J\x1b]0;mine\x07\u202etxt\x9b2K\r\nfake [red]line[/] [/x]\x7f"
# A name of Blender's has 63 bytes, none of them a line break where a field of its window was typed into.
NAME, NAME_SHOWN = "\x1b[31m\x1b]0;a\x07\u202ebc\x9b\nd", r"\x1b[31m\x1b]0;a\x07\u202ebc\x9b\nd"
HARMLESS = ["shot", "über", "日本語　スペース", "e\u0301", "👩‍🚀", "👍🏽", "می‌خواهم", "a\u00a0b", "C:\\shots"]
# The only control character of our own output: the end of a line.
ALLOWED = {"\n"}


def harms(text: str) -> set[str]:
    """Return the characters of an output that a terminal obeys."""
    return {
        each
        for each in set(text) - ALLOWED
        if unicodedata.category(each) in {"Cc", "Cs", "Zl", "Zp"} or unicodedata.bidirectional(each) in BIDI
    }


BIDI = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


@given(st.text())
def test_control_characters_are_escaped(text: str) -> None:
    shown = plain(text)
    assert not harms(shown)
    assert "\n" not in shown
    assert plain(shown) == shown


@given(st.text(st.characters(categories=["L", "M", "N", "P", "S", "Zs"])))
def test_printable_text_stays_as_it_is(text: str) -> None:
    assert plain(text) == text


@pytest.mark.parametrize("text", HARMLESS)
def test_names_in_any_script_and_emoji_stay_as_they_are(text: str) -> None:
    assert plain(text) == text


def test_an_escape_sequence_is_shown_as_python_writes_it() -> None:
    assert plain(HOSTILE) == SHOWN


@given(st.recursive(st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_json_is_ascii_and_reads_back_as_it_was(document: object) -> None:
    with pytest.MonkeyPatch.context() as patch:
        out = io.StringIO()
        patch.setattr("sys.stdout", out)
        say_json(document)
    assert out.getvalue().isascii()
    assert not harms(out.getvalue())
    assert json.loads(out.getvalue()) == document


@pytest.mark.parametrize("style", ["", "red"])
def test_a_console_escapes_text_and_keeps_its_own_colours(style: str) -> None:
    console = PlainConsole(file=io.StringIO(), force_terminal=True, color_system="standard", width=300)
    table = Table.grid()
    table.add_row(Text(HOSTILE, style=style), ":smile:")
    for renderable in (table, Text(HOSTILE, style=style)):
        console.print(renderable)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert ("\x1b[31m" in text) == (style == "red")
    assert not harms(text.replace("\x1b[31m", "").replace("\x1b[0m", ""))


WRITERS = {"print", "Console", "PlainConsole", "typer.echo", "typer.secho"}


def test_every_output_of_a_command_goes_through_one_module() -> None:
    folder = Path(frameloom.cli.__file__).parent
    found = []
    for path in sorted(folder.glob("*.py")):
        if path.name in ("terminal.py", "console.py"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            if called in WRITERS or called.endswith(("stdout.write", "stderr.write")):
                found.append(f"{path.name}:{node.lineno} {called}")
    assert found == []


@pytest.fixture
def terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Terminal:
    """A terminal in the folder of a hostile scene, whose farm has jobs, logs and causes like it."""
    farm = MemoryFarm(image=b"")
    job = make_job(farm.store, "1-3", job_id="shot-1")
    # A key of a request is checked; the manifest of a job may be of any version, and was written by its functions.
    hostile = job.to_json() | {"scene": job.scene.to_json() | {"key": f"{HOSTILE}.blend"}}
    farm.store.put(BUCKETS.logs, keys.manifest_key("shot-1"), json.dumps(hostile).encode())
    # Jobs that make no progress.
    farm.executions = MemoryExecutions()  # type: ignore[assignment]
    farm.executions.start("shot-1", {})
    farm.executions.end("shot-1", JobStatus.FAILED, error=HOSTILE, cause=HOSTILE)
    farm.executions.start(HOSTILE, {})
    record = LogRecord(time="2026-11-23T06:00:01", level="error", worker=HOSTILE, message=HOSTILE, facts={"a": HOSTILE})
    part = keys.log_part_key("shot-1", "w", "01")
    farm.store.put(BUCKETS.logs, part, (record.model_dump_json(exclude_none=True) + "\n").encode())
    monkeypatch.chdir(tmp_path)
    make_scene(Path("shot.blend"), scenes=("Scene", NAME), active=NAME, cameras=(NAME,))
    make_scene(Path("lost.blend"), missing_image=f"//{NAME}.png")
    return Terminal(capsys, monkeypatch, farm)


COMMANDS = {
    "check": ("check", "shot.blend"),
    "a missing texture": ("check", "lost.blend"),
    "the file's own name": ("check", f"{NAME}/shot.blend"),
    "an error of render": ("render", "shot.blend", "--camera", f"{NAME}2"),
    "a field": ("render", "shot.blend", "--set", f"{NAME}=1"),
    "a value": ("render", "shot.blend", "--frames", NAME),
    "an option": ("render", f"--{HOSTILE}"),
    "a command": (HOSTILE,),
    "the newest jobs": ("status",),
    "a job": ("status", "shot-1"),
    "no such job": ("status", f"{HOSTILE}2"),
    "an ambiguous job": ("status", "s"),
    "a log": ("logs", "shot-1"),
    "cancel": ("cancel", HOSTILE, "--reason", HOSTILE),
    "retry": ("retry", f"{HOSTILE}3"),
}


@pytest.mark.parametrize("colours", [False, True])
def test_every_command_escapes_hostile_names(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, *, colours: bool
) -> None:
    showing = set()
    for name, words in COMMANDS.items():
        for json_too in ([], ["--json"]):
            if colours:
                monkeypatch.setenv("FORCE_COLOR", "1")
                monkeypatch.setenv("TERM", "xterm")
            ran = terminal.run(*words, *json_too)
            text = ran.out + ran.err
            # Colours of our own are whole and short.
            for code in ("0", "1", "31", "36", "1;31", "2", "33"):
                text = text.replace(f"\x1b[{code}m", "") if colours else text
            assert not harms(text), (words, text)
            if r"x1b" in text or r"\u001b" in text:
                showing.add(name)
    assert showing == set(COMMANDS), "a hostile name no longer comes up here"


def test_a_display_escapes_messages_and_records() -> None:
    facts = {"cause": HOSTILE}
    worker = LogRecord(
        time="1", level="error", event=LogEvent.CHUNK_FAILED, worker=HOSTILE, message=HOSTILE, facts=facts
    )
    running = Execution(job_id="shot-1", status=JobStatus.RUNNING, started="2026-11-23T06:00:00Z")
    snapshot = Snapshot(execution=running, workers=(worker,))
    for terminal, make in ((False, LineDisplay), (True, LiveDisplay)):
        console = PlainConsole(file=io.StringIO(), force_terminal=terminal, width=300, color_system=None)
        with make(console) as display:
            display.show(snapshot)
            display.say(HOSTILE)
            display.note(HOSTILE)
        assert isinstance(console.file, io.StringIO)
        text = console.file.getvalue()
        assert SHOWN in text
        assert not any(part in text for part in ("\x1b[2J", "\x1b]", "\x9b", "\u202e"))


def test_a_watch_escapes_texts_of_a_cluster(capsys: pytest.CaptureFixture[str]) -> None:
    sample = Sample(time=datetime(2026, 11, 23, 6, tzinfo=UTC), figures={"waiting": 1}, problem=HOSTILE)
    console = PlainConsole(file=io.StringIO(), force_terminal=True, width=200, color_system=None)
    with TableView(HOSTILE, console) as view:
        view.show(sample)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert not any(part in text for part in ("\x1b[2J", "\x1b]", "\x9b", "\u202e"))
    LineView(console).show(sample)
    assert capsys.readouterr().err == f"frameloom: {SHOWN}\n"


def test_a_question_is_escaped(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("yes\n"))
    confirm.confirm(HOSTILE, answer="yes", yes=False)
    assert capsys.readouterr().err == f"{SHOWN} "
