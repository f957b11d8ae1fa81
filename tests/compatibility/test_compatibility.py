"""The rows of the matrix, and docs/compatibility.md, which is generated from the results.

Each row is rendered with one Blender, in turn. With FRAMELOOM_TEST_MATRIX=all it is rendered with each of them.
"""

import os

import pytest

from tests.compatibility.document import DOCUMENT, cells_of, document, written_cells
from tests.compatibility.rows import VERSIONS, all_rows
from tests.compatibility.run import Result, run

Results = dict[tuple[str, str], Result]
ALL = [(row.id, version) for row in all_rows().values() for version in row.versions]
IN_TURN = [(row.id, row.versions[number % len(row.versions)]) for number, row in enumerate(all_rows().values())]
CASES = ALL if os.environ.get("FRAMELOOM_TEST_MATRIX") == "all" else IN_TURN


@pytest.fixture(scope="session")
def results(request: pytest.FixtureRequest) -> Results:
    """The results of all rows that this session tests, from one run of the matrix."""
    tests = {item.name for item in request.session.items}
    whole = test_the_document_has_the_results_of_this_run.__name__ in tests
    return run([case for case in CASES if whole or any(f"[{case[0]}-{case[1]}]" in test for test in tests)])


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("case", CASES, ids=[f"{row}-{version}" for row, version in CASES])
def test_a_farm_renders_refuses_or_announces(case: tuple[str, str], results: Results) -> None:
    name, version = case
    expected = all_rows()[name].expects(version)
    assert results[case].meets(expected), f"{results[case].cell}\nexpected: {expected}"


@pytest.mark.timeout(1800)
def test_the_document_has_the_results_of_this_run(results: Results) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    expected = document(written_cells(text) | cells_of(results))
    assert expected == text, "run `make compatibility`"


def test_the_document_has_a_result_for_each_row_and_blender() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert written_cells(text).keys() == set(ALL), "run `make compatibility`"
    assert document(written_cells(text)) == text


def test_a_session_renders_each_row_and_uses_each_blender() -> None:
    assert [row for row, _ in IN_TURN] == list(all_rows())
    assert {version for _, version in IN_TURN} == set(VERSIONS)
