"""Parsed definitions that are kept: they mean what parsing anew would mean, with each farm's own values."""

import json
from pathlib import Path
from typing import Any

import pytest
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser, ASLParserException

from frameloom.local.moto_patches.speed import definitions
from frameloom.local.moto_patches.speed.definitions import Definitions, filled_in

RENDER_JOB = Path("statemachine/render_job.asl.json").read_text(encoding="utf-8")


class Counting:
    """moto's parser, and what it was given."""

    def __init__(self) -> None:
        self.parsed: list[str] = []

    def parse(self, definition: str) -> Any:
        self.parsed.append(definition)
        return AmazonStateLanguageParser.parse(definition)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(definitions, "_made_of", {})
    monkeypatch.setattr(definitions, "_folder", None)
    definitions.keep_in(tmp_path / "cache")
    return tmp_path / "cache"


def values(port: int) -> dict[str, str]:
    """Return what a farm puts in the places of the names."""
    names = set(definitions.NAME.findall(RENDER_JOB))
    assert len(names) > 5
    return {name: f"http://127.0.0.1:{port}/{name}" for name in names}


def parse(text: str, values: dict[str, Any]) -> tuple[Any, list[str]]:
    """Return a program as a farm that has just been started has it, and what it had to parse for that."""
    parser = Counting()
    program, _ = Definitions(parser).parse(filled_in(text, values))
    return program, parser.parsed


def content(node: Any, seen: tuple[int, ...] = ()) -> Any:
    """Return all that an object holds, in lists that can be compared."""
    if id(node) in seen:
        return f"around to {seen.index(id(node))}"
    seen = (*seen, id(node))
    if isinstance(node, dict):
        return {str(content(key, seen)): content(value, seen) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return [content(each, seen) for each in node]
    if hasattr(node, "__dict__") and not isinstance(node, type):
        return [type(node).__name__, content(vars(node), seen)]
    return repr(node)


def test_what_is_kept_is_what_parsing_anew_gives_with_the_values_of_another_farm() -> None:
    _, first = parse(RENDER_JOB, values(1))
    kept, second = parse(RENDER_JOB, values(2))
    assert (len(first), second) == (1, [])
    anew = AmazonStateLanguageParser.parse(filled_in(RENDER_JOB, values(2)))[0]
    assert content(kept) == content(anew)
    assert "127.0.0.1:2/ChunkQueueUrl" in str(content(kept))
    assert "127.0.0.1:1/" not in str(content(kept))


def test_another_definition_is_parsed() -> None:
    parse(RENDER_JOB, values(1))
    _, parsed = parse(RENDER_JOB.replace("PlanChunks", "ChunkPlans"), values(1))
    assert len(parsed) == 1


def test_each_caller_has_a_program_of_its_own() -> None:
    parser = Definitions(Counting())
    definition = filled_in(RENDER_JOB, values(1))
    assert parser.parse(definition)[0] is not parser.parse(definition)[0]


def machine(**state: Any) -> str:
    return json.dumps({"StartAt": "Only", "States": {"Only": {"End": True, **state}}})


def test_a_name_that_says_how_its_state_is_parsed_is_filled_in_before() -> None:
    text = machine(Type="Task", Resource="${Function}")
    function = "arn:aws:lambda:us-east-1:123456789012:function:f"
    for _ in range(2):
        program, parsed = parse(text, {"Function": function})
        assert parsed == [text.replace("${Function}", function)]
        assert type(program.states.states["Only"]).__name__ == "StateTaskLambda"


def test_a_name_that_is_no_text_is_filled_in_before() -> None:
    text = machine(Type="Wait", Seconds=0).replace("0", "${Seconds}")
    for _ in range(2):
        program, parsed = parse(text, {"Seconds": 7})
        assert parsed[-1] == text.replace("${Seconds}", "7")
        assert "'7'" in str(content(program))


def test_what_was_kept_and_is_broken_is_parsed_anew(folder: Path) -> None:
    parse(RENDER_JOB, values(1))
    (kept,) = folder.iterdir()
    kept.write_bytes(kept.read_bytes()[:1000])
    program, parsed = parse(RENDER_JOB, values(1))
    assert parsed == [filled_in(RENDER_JOB, values(1))]
    assert "127.0.0.1:1/ChunkQueueUrl" in str(content(program))


def test_a_definition_that_is_none_is_refused() -> None:
    with pytest.raises(ASLParserException):
        parse('{"Nothing": "${Here}"}', {"Here": "x"})


def test_a_folder_that_cannot_be_written_is_done_without(folder: Path) -> None:
    folder.write_text("no folder")
    for _ in range(2):
        _, parsed = parse(RENDER_JOB, values(1))
        assert len(parsed) == 1
