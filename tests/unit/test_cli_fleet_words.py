"""The small parts of the fleet commands: times, curves, lines, sizes and labels."""

import sys
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from frameloom.aws.purge import Contents
from frameloom.cli.durations import seconds_of
from frameloom.cli.fleet.watch_sample import Sample
from frameloom.cli.fleet.watch_view import CURVE, LineView, TableView, facts_of, sparkline
from frameloom.cli.optional_deps import extra
from frameloom.cli.stack.inventory import amount
from frameloom.kube.manifests import LABEL_LENGTH, labels_of
from frameloom.kube.readiness import lacks
from frameloom.model.errors import FarmUnavailable, InvalidRequest

NOW = datetime(2026, 11, 25, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("1.5m", 90), ("2h", 7200), (" 5s ", 5), ("0.2s", 0.2)]
)
def test_a_time_is_read_as_people_write_it(text: str, seconds: float) -> None:
    assert seconds_of(text, field="--for") == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "0", "0s", "-5", "5d", "soon", "1h30m", "1e3", "inf", "nan"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="--for: takes a time such as 90, 90s, 15m or 2h"):
        seconds_of(text, field="--for")


@given(st.lists(st.none() | st.integers(min_value=0, max_value=10**6)))
def test_a_curve_has_a_character_for_each_figure_and_a_gap_for_none(values: list[int | None]) -> None:
    curve = sparkline(values)
    assert len(curve) == len(values)
    assert [value is None for value in values] == [character == " " for character in curve]


def test_a_curve_goes_from_nought_to_the_highest() -> None:
    assert sparkline([0, 5, 10]) == "▁▅█"
    assert sparkline([0, 0]) == "▁▁"
    assert sparkline([]) == ""


def look(**figures: int | None) -> Sample:
    return Sample(time=NOW, figures=figures)


def test_a_line_leaves_out_what_is_nought_or_not_known() -> None:
    assert facts_of(look(waiting=0, in_flight=0, pods_running=0, pods_failed=1)) == (
        "queue: 0 waiting; pods: 0 running, 1 failed"
    )
    assert facts_of(look()) == ""


def test_a_pipe_hears_of_news_and_now_and_then_that_there_are_none(capsys: pytest.CaptureFixture[str]) -> None:
    moments = iter([0.0, 5.0, 10.0, 71.0])
    view = LineView(Console(highlight=False, width=200), clock=lambda: next(moments))
    for sample in (look(waiting=1), look(waiting=1), look(waiting=2), look(waiting=2)):
        view.show(sample)
    assert capsys.readouterr().out.splitlines() == [
        "06:00:00  queue: 1 waiting",
        "06:00:00  queue: 2 waiting",
        "06:00:00  queue: 2 waiting",
    ]


def test_a_pipe_hears_of_a_problem_once(capsys: pytest.CaptureFixture[str]) -> None:
    view = LineView(Console(highlight=False, width=200))
    for problem in ("It is away.", "It is away.", None, "It is away."):
        view.show(Sample(time=NOW, problem=problem))
    assert capsys.readouterr().err == "frameloom: It is away.\n" * 2


def test_a_terminal_shows_figures_curves_and_what_is_wrong() -> None:
    console = Console(highlight=False, width=80, force_terminal=True, color_system=None)
    view = TableView("Fleet of farm", console)
    for number in range(CURVE + 5):
        view.show(look(waiting=number, pods_running=3))
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


@pytest.mark.parametrize(
    ("held", "said"),
    [
        (Contents(objects=0, size=0), "0 objects, 0 bytes"),
        (Contents(objects=12_345, size=999), "12,345 objects, 999 bytes"),
        (Contents(objects=2, size=1_500), "2 objects, 1.5 kB"),
        (Contents(objects=100_000, size=52_100_000_000, more=True), "more than 100,000 objects, 52.1 GB"),
        (Contents(objects=1, size=5 * 10**15), "1 object, 5,000.0 TB"),
    ],
)
def test_an_amount_is_said_for_people(held: Contents, said: str) -> None:
    assert amount(held) == said


def test_a_stacks_name_that_is_too_long_for_a_label_is_cut_and_still_its_own() -> None:
    long, other = "a" * 128, "a" * 127 + "b"
    values = {labels_of(name)["frameloom/stack"] for name in (long, other)}
    assert len(values) == 2
    assert {len(value) for value in values} == {LABEL_LENGTH}
    assert labels_of("farm")["frameloom/stack"] == "farm"


READY = {"conditions": [{"type": "Available", "status": "True"}], "observedGeneration": 2, "updatedReplicas": 1}
DEPLOYMENT = {"kind": "Deployment", "metadata": {"generation": 2}, "spec": {"replicas": 1}, "status": READY}


@pytest.mark.parametrize(
    ("status", "lack"),
    [
        (READY, None),
        (READY | {"observedGeneration": 1}, "has not begun to change"),
        (READY | {"updatedReplicas": 0}, "has 0 of 1 pods renewed"),
        (READY | {"replicas": 2}, "has 1 of 1 pods renewed"),
        (READY | {"conditions": []}, "is not Available"),
        (
            READY | {"conditions": [{"type": "Available", "status": "False", "message": "No pod\nis up."}]},
            "is not Available (No pod is up)",
        ),
    ],
)
def test_a_deployment_is_ready_when_all_its_pods_are_new(status: dict[str, object], lack: str | None) -> None:
    assert lacks(DEPLOYMENT | {"status": status}) == lack


def test_what_has_no_state_is_ready_where_it_is() -> None:
    assert lacks({"kind": "ConfigMap", "metadata": {}}) is None
    assert lacks(None) == "is not there"


@pytest.mark.parametrize("package", ["kubernetes", "matplotlib"])
def test_a_package_that_is_not_installed_is_named_with_how_to_have_it(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with (
        pytest.raises(FarmUnavailable, match=rf"{package}' is not installed here: `make env`"),
        extra("fleet"),
    ):
        __import__(package)


def test_a_module_of_ours_that_is_missing_is_a_bug() -> None:
    with pytest.raises(ModuleNotFoundError), extra("fleet"):
        __import__("frameloom.nowhere")
