"""Each row of the matrix with each Blender, and docs/compatibility.md, which is generated from the results."""

import pytest

from tests.compatibility.document import DOCUMENT, cells_of, document, written_cells
from tests.compatibility.rows import VERSIONS, all_rows
from tests.compatibility.run import Result, run

CASES = [(row.id, version) for row in all_rows().values() for version in row.versions]
Results = dict[tuple[str, str], Result]


@pytest.fixture(scope="session")
def results(request: pytest.FixtureRequest) -> Results:
    """The results of all rows that this session tests, from one run of the matrix."""
    tests = {item.name for item in request.session.items}
    whole = test_the_document_has_the_results_of_this_run.__name__ in tests
    named = {name for name, version in CASES if any(f"[{name}-{version}]" in test for test in tests)}
    return run([row for row in all_rows().values() if whole or row.id in named], VERSIONS)


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("case", CASES, ids=[f"{row}-{version}" for row, version in CASES])
def test_a_farm_renders_refuses_or_announces(case: tuple[str, str], results: Results) -> None:
    name, version = case
    expected = all_rows()[name].expects(version)
    assert results[case].meets(expected), f"{results[case].cell}\nexpected: {expected}"


@pytest.mark.timeout(1200)
def test_the_document_has_the_results_of_this_run(results: Results) -> None:
    assert document(cells_of(results)) == DOCUMENT.read_text(encoding="utf-8"), (
        "run `python -m tests.compatibility --write`"
    )


def test_a_document_can_be_read_back() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert document(written_cells(text)) == text
