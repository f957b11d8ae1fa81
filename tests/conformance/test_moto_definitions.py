"""Parsed definitions are kept: they equal a new parse, have each farm's own values, and load no foreign file."""

import json
from pathlib import Path
from typing import Any

import pytest
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser, ASLParserException

from frameloom.local.moto_patches.speed import definitions
from frameloom.local.moto_patches.speed.definitions import Definitions, filled_in
from frameloom.local.moto_patches.speed.program_json import from_json, to_json

RENDER_JOB = Path("statemachine/render_job.asl.json").read_text(encoding="utf-8")


class CountingParser:
    """moto's parser, and the definitions that it parsed."""

    def __init__(self) -> None:
        self.parsed: list[str] = []

    def parse(self, definition: str) -> Any:
        self.parsed.append(definition)
        return AmazonStateLanguageParser.parse(definition)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(definitions, "_sources", {})
    monkeypatch.setattr(definitions, "_folder", None)
    definitions.keep_in(tmp_path / "cache")
    return tmp_path / "cache"


def values(port: int) -> dict[str, str]:
    """Return a farm's values for the placeholders."""
    names = set(definitions.PLACEHOLDER.findall(RENDER_JOB))
    assert len(names) > 5
    return {name: f"http://127.0.0.1:{port}/{name}" for name in names}


def parse(text: str, values: dict[str, Any]) -> tuple[Any, list[str]]:
    """Return a program of a new farm, and the definitions that the farm had to parse for it."""
    parser = CountingParser()
    program, _ = Definitions(parser).parse(filled_in(text, values))
    return program, parser.parsed


def content(node: Any, seen: tuple[int, ...] = ()) -> Any:
    """Return everything that an object holds, as comparable lists."""
    if id(node) in seen:
        return f"cycle to {seen.index(id(node))}"
    seen = (*seen, id(node))
    if isinstance(node, dict):
        return {str(content(key, seen)): content(value, seen) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return [content(each, seen) for each in node]
    if hasattr(node, "__dict__") and not isinstance(node, type):
        return [type(node).__name__, content(vars(node), seen)]
    return repr(node)


def test_a_kept_definition_equals_a_new_parse_with_the_values_of_another_farm() -> None:
    _, first = parse(RENDER_JOB, values(1))
    kept, second = parse(RENDER_JOB, values(2))
    assert (len(first), second) == (1, [])
    anew = AmazonStateLanguageParser.parse(filled_in(RENDER_JOB, values(2)))[0]
    assert content(kept) == content(anew)
    assert "127.0.0.1:2/ChunkQueueUrl" in str(content(kept))
    assert "127.0.0.1:1/" not in str(content(kept))
    parser = Definitions(CountingParser())
    definition = filled_in(RENDER_JOB, values(1))
    assert parser.parse(definition)[0] is not parser.parse(definition)[0]


def test_a_changed_definition_is_parsed(folder: Path) -> None:
    parse(machine(Type="Pass", Comment="${A}"), {"A": "a"})
    _, parsed = parse(machine(Type="Succeed", Comment="${A}").replace('"End": true, ', ""), {"A": "a"})
    assert len(parsed) == 1
    assert len(list(folder.iterdir())) == 2


def machine(**state: Any) -> str:
    return json.dumps({"StartAt": "Only", "States": {"Only": {"End": True, **state}}})


def test_a_placeholder_that_decides_how_its_state_is_parsed_is_filled_in_before() -> None:
    text = machine(Type="Task", Resource="${Function}")
    function = "arn:aws:lambda:us-east-1:123456789012:function:f"
    for _ in range(2):
        program, parsed = parse(text, {"Function": function})
        assert parsed == [text.replace("${Function}", function)]
        assert type(program.states.states["Only"]).__name__ == "StateTaskLambda"


def test_a_placeholder_for_a_number_is_filled_in_before() -> None:
    text = machine(Type="Wait", Seconds=0).replace("0", "${Seconds}")
    for _ in range(2):
        program, parsed = parse(text, {"Seconds": 7})
        assert parsed[-1] == text.replace("${Seconds}", "7")
        assert "'7'" in str(content(program))


TEXT = machine(Type="Pass", Comment="${Name}")
PASS = "moto.stepfunctions.parser.asl.component.state.state_pass.state_pass:StatePass"


@pytest.mark.parametrize(
    "planted",
    [
        b"",
        b"[]",
        b"\x80\x04\x95pickle",
        b'[["moto.stepfunctions.parser',
        b'{"object": 0}',
        b'[["os:system", {}]]',
        b'[["subprocess:Popen", {}]]',
        b'[["moto.stepfunctions.parser.models:boto3", {}]]',
        b'[["moto.stepfunctions.parser.not_there:A", {}]]',
        f'[["{PASS}", {{}}]]'.encode(),
        b"program with an unknown value",
        b"program with a reference to nowhere",
    ],
)
def test_a_damaged_or_foreign_file_is_ignored_and_replaced(folder: Path, planted: bytes) -> None:
    parse(TEXT, {"Name": "one"})
    (file,) = folder.iterdir()
    good = file.read_text()
    assert json.loads(good), "it is JSON"
    if b"unknown value" in planted:
        planted = good.replace('"${Name}"', '{"call": ["os:system", "true"]}').encode()
        assert planted != good.encode()
    elif b"reference" in planted:
        planted = good.replace('{"object": 1}', '{"object": 99}').encode()
        assert planted != good.encode()
    file.write_bytes(planted)
    program, parsed = parse(TEXT, {"Name": "two"})
    assert parsed == [TEXT]
    assert "two" in str(content(program))
    assert file.read_text() == good


def test_no_class_outside_moto_s_parser_can_be_named_in_a_file() -> None:
    objects = to_json(AmazonStateLanguageParser.parse(TEXT)[0])
    with pytest.raises(ValueError, match="pathlib is not part of moto's parser"):
        from_json([["pathlib:Path", {}], *objects], str)
    with pytest.raises(ValueError, match="not an enumeration"):
        from_json([[objects[0][0], {"a": {"enum": [PASS, 1]}}]], str)


def test_an_invalid_definition_is_refused() -> None:
    with pytest.raises(ASLParserException):
        parse('{"Nothing": "${Here}"}', {"Here": "x"})


def test_a_folder_that_cannot_be_written_has_no_effect(folder: Path) -> None:
    folder.write_text("no folder")
    for _ in range(2):
        _, parsed = parse(TEXT, {"Name": "one"})
        assert len(parsed) == 1
