"""Missing optional packages."""

import sys

import pytest

from frameloom.cli.optional_deps import extra
from frameloom.model.errors import FarmUnavailable


@pytest.mark.parametrize("package", ["kubernetes", "matplotlib"])
def test_a_missing_package_is_named_with_advice(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with (
        pytest.raises(FarmUnavailable, match=rf"{package}' is not installed here: `make env`"),
        extra("fleet"),
    ):
        __import__(package)


def test_a_missing_module_of_frameloom_is_a_bug() -> None:
    with pytest.raises(ModuleNotFoundError), extra("fleet"):
        __import__("frameloom.nowhere")
