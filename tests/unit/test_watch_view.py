"""Views of `frameloom fleet watch`."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from frameloom.cli.fleet.watch_sample import Sample
from frameloom.cli.fleet.watch_view import CURVE, LineView, TableView, facts_of, sparkline

NOW = datetime(2026, 11, 25, 6, tzinfo=UTC)


@given(st.lists(st.none() | st.integers(min_value=0, max_value=10**6)))
def test_a_sparkline_has_a_character_for_each_figure_and_a_gap_for_none(values: list[int | None]) -> None:
    curve = sparkline(values)
    assert len(curve) == len(values)
    assert [value is None for value in values] == [character == " " for character in curve]


def test_a_sparkline_goes_from_zero_to_the_largest() -> None:
    assert sparkline([0, 5, 10]) == "▁▅█"
    assert sparkline([0, 0]) == "▁▁"
    assert sparkline([]) == ""


def sample_of(**figures: int | None) -> Sample:
    return Sample(time=NOW, figures=figures)


def test_a_line_omits_zeros_and_unknown_figures() -> None:
    assert facts_of(sample_of(waiting=0, in_flight=0, pods_running=0, pods_failed=1)) == (
        "queue: 0 waiting; pods: 0 running, 1 failed"
    )
    assert facts_of(sample_of()) == ""


def test_a_pipe_gets_a_line_for_each_change_and_one_a_minute(capsys: pytest.CaptureFixture[str]) -> None:
    moments = iter([0.0, 5.0, 10.0, 71.0])
    view = LineView(Console(highlight=False, width=200), clock=lambda: next(moments))
    for sample in (sample_of(waiting=1), sample_of(waiting=1), sample_of(waiting=2), sample_of(waiting=2)):
        view.show(sample)
    assert capsys.readouterr().out.splitlines() == [
        "06:00:00  queue: 1 waiting",
        "06:00:00  queue: 2 waiting",
        "06:00:00  queue: 2 waiting",
    ]


def test_a_pipe_gets_each_problem_once(capsys: pytest.CaptureFixture[str]) -> None:
    view = LineView(Console(highlight=False, width=200))
    for problem in ("It is away.", "It is away.", None, "It is away."):
        view.show(Sample(time=NOW, problem=problem))
    assert capsys.readouterr().err == "frameloom: It is away.\n" * 2


def test_a_terminal_shows_figures_sparklines_and_problems() -> None:
    console = Console(highlight=False, width=80, force_terminal=True, color_system=None)
    view = TableView("Fleet of farm", console)
    for number in range(CURVE + 5):
        view.show(sample_of(waiting=number, pods_running=3))
    view.show(Sample(time=NOW, figures={"waiting": 7}, problem="The cluster is away."))
    with console.capture() as shown:
        console.print(view._render())
    lines = {line.split()[-3]: line for line in shown.get().splitlines() if len(line.split()) > 2}
    assert "Fleet of farm" in shown.get()
    assert "The cluster is away." in shown.get()
    waiting = next(line for line in lines.values() if "waiting" in line)
    assert waiting.split()[:3] == ["queue", "waiting", "7"]
    assert len(waiting.split()[3]) == CURVE
    running = next(line for line in shown.get().splitlines() if "running" in line)
    assert running.split()[1] == "-"
