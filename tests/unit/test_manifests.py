"""Labels of a fleet's objects."""

from frameloom.kube.manifests import LABEL_LENGTH, labels_of


def test_a_label_of_a_long_stack_name_is_short_and_unique() -> None:
    long, other = "a" * 128, "a" * 127 + "b"
    values = {labels_of(name)["frameloom/stack"] for name in (long, other)}
    assert len(values) == 2
    assert {len(value) for value in values} == {LABEL_LENGTH}
    assert labels_of("farm")["frameloom/stack"] == "farm"
