"""The state machine of a render job: `python -m statemachine` writes it from `definition.py`."""
