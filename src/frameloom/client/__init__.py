"""The Python API: submit a job to a farm, follow it, and fetch its results."""
