"""The keys of scenes and the names of films in requests."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frameloom.model import keys
from frameloom.model.errors import InvalidRequest
from frameloom.model.frame_files import FrameFiles
from frameloom.model.frames import FIRST_FRAME
from frameloom.model.request import (
    MAX_FILE_LENGTH,
    MAX_FILM_LENGTH,
    parse_request,
)
from frameloom.model.settings import EXTENSIONS
from tests.job_requests import refused, upload


@pytest.mark.parametrize(
    "file",
    [
        "shot.blend",
        "film/act 1/shot.blend",
        "Überflug/Schuß.blend",
        "片/場.blend",
        "a..b.blend",
        "50%.blend",
        "a+b.blend",
        ".hidden/x.blend",
        "a. b/c .blend",
        "Se\N{COMBINING ACUTE ACCENT}quence/3·4。.blend",
        "25% off.blend",
    ],
)
def test_every_key_inside_the_bucket_is_accepted(file: str) -> None:
    assert parse_request({"file": file}).file == file
    assert parse_request(upload(file)).file == file


@pytest.mark.parametrize(
    "file",
    [
        "",
        "shot",
        "shot.blend1",
        "shot.BLEND",
        ".blend",
        "film/.blend",
        "/shot.blend",
        "film//shot.blend",
        "../shot.blend",
        "film/../shot.blend",
        "film/./shot.blend",
        "film/../../etc/passwd.blend",
        # The folder of the frames is the key without the extension.
        "...blend",
        "film/...blend",
        "..blend",
        # Escapes that another program may decode once or twice.
        "%2e%2e/shot.blend",
        "film%2F..%2Fshot.blend",
        "%252e%252e%252fshot.blend",
        "film/%2e%2e.blend",
        "%2fshot.blend",
        "shot%00.blend",
        "%5c%5cserver%5cshot.blend",
        # Look-alikes that NFKC replaces.
        "\N{ONE DOT LEADER}\N{ONE DOT LEADER}/shot.blend",
        "\N{TWO DOT LEADER}/shot.blend",
        "\N{FULLWIDTH FULL STOP}\N{FULLWIDTH FULL STOP}/shot.blend",
        "film\N{FULLWIDTH SOLIDUS}\N{FULLWIDTH FULL STOP}\N{FULLWIDTH FULL STOP}\N{FULLWIDTH SOLIDUS}shot.blend",
        "film/\N{FULLWIDTH FULL STOP}\N{FULLWIDTH FULL STOP}.blend",
        "\N{FULLWIDTH PERCENT SIGN}2e\N{FULLWIDTH PERCENT SIGN}2e/shot.blend",
        "film\N{FULLWIDTH REVERSE SOLIDUS}shot.blend",
        "film\\shot.blend",
        "..\\shot.blend",
        "shot\n.blend",
        "shot\0.blend",
        "shot\x7f.blend",
        "shot\u202e.blend",
        "shot\u200b.blend",
        "shot\u2028.blend",
        "shot\ud800.blend",
        # Look-alikes that NFKC keeps, invisible marks and spaces, and escapes of invalid UTF-8.
        "film\N{FRACTION SLASH}..\N{FRACTION SLASH}shot.blend",
        "film\N{DIVISION SLASH}..\N{DIVISION SLASH}shot.blend",
        "..\N{BIG SOLIDUS}shot.blend",
        "film\N{SET MINUS}shot.blend",
        "film\N{SMALL REVERSE SOLIDUS}shot.blend",
        "\N{IDEOGRAPHIC FULL STOP}\N{HALFWIDTH IDEOGRAPHIC FULL STOP}/shot.blend",
        "\N{HORIZONTAL ELLIPSIS}/shot.blend",
        "..\N{VARIATION SELECTOR-16}/shot.blend",
        ".\N{COMBINING GRAPHEME JOINER}./shot.blend",
        ".. /shot.blend",
        "film/ /shot.blend",
        "film/\N{NO-BREAK SPACE}.blend",
        ".../shot.blend",
        "%c0%ae%c0%ae/shot.blend",
        "film%c0%afshot.blend",
        "shot\N{RIGHT-TO-LEFT ISOLATE}.blend",
        "shot\N{ZERO WIDTH JOINER}.blend",
        "x" * 900 + ".blend",
        "ü" * 448 + ".blend",
    ],
)
def test_a_hostile_key_is_refused_in_every_form_of_input(file: str) -> None:
    assert refused({"file": file}).facts["field"] == "file"
    assert refused(upload(file)).facts["field"] == "file"


def test_the_longest_scene_key_leaves_room_for_frame_keys() -> None:
    """S3 allows 1,024 bytes."""
    for letter in ("x", "ü", "場"):
        longest = letter * ((MAX_FILE_LENGTH - 6) // len(letter.encode()))
        file = parse_request({"file": f"{longest}.blend"}).file
        assert refused({"file": f"{longest}{letter}.blend"}).facts["field"] == "file"
        prefix = keys.frames_prefix(file, "0" * 16)
        made = [FrameFiles.of(file_format).keys(prefix, FIRST_FRAME)[0] for file_format in EXTENSIONS]
        film = f"{keys.versioned(keys.video_stem(file, 'x' * MAX_FILM_LENGTH), 1000)}.mp4"
        assert all(len(key.encode()) <= 1024 for key in [*made, keys.video_key(file, "mp4"), film])


@pytest.mark.parametrize("film", ["", "night.mp4", "night.MOV", "a/b", "..", "%2e%2e%2fnight", "a\nb", "x" * 101])
def test_a_film_name_has_no_folder_and_no_extension(film: str) -> None:
    assert refused({"file": "shot.blend", "film": film}).facts["field"] == "film"
    assert parse_request({"file": "shot.blend", "film": "shot 010.client-night"}).film == "shot 010.client-night"


@given(st.text().map(lambda name: f"{name}.blend"))
def test_no_accepted_key_leaves_its_bucket(file: str) -> None:
    try:
        parse_request({"file": file})
    except InvalidRequest:
        return
    parts = file.removesuffix(".blend").split("/")
    assert not {"", ".", ".."} & {part.strip() for part in parts}
    assert "\\" not in file
