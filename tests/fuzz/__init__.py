"""Fuzzing of all code that reads input from outside the farm, with Hypothesis and with coverage-guided fuzzing."""
