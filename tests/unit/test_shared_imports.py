"""The imports of a template's functions are found before the functions are called."""

from pathlib import Path

from frameloom.local.shared_imports import warm_up
from frameloom.local.template import local_template
from tests.unit.local_templates import TEMPLATE

WITH_LAYER = "{Type: AWS::Serverless::Function, Properties: {Layers: [!Ref Layer]}}"


def test_handlers_are_found_with_the_layers_that_all_functions_have(template: Path) -> None:
    one, two = f"{template.parent}/one/app.py", f"{template.parent}/shared/app.py"
    assert warm_up(local_template(template, {})) == {"handlers": [one, two], "layers": []}
    template.write_text(TEMPLATE.replace("{Type: AWS::Serverless::Function}", WITH_LAYER))
    layer = template.parent / "layer"
    assert warm_up(local_template(template, {})) == {
        "handlers": [one, two],
        "layers": [str(layer / "python"), str(layer)],
    }
    assert warm_up({"Resources": {}}) == {"handlers": [], "layers": []}
