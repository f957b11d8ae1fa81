"""The state machine of a render job: `python -m statemachine` emits it from `definition.py`."""
