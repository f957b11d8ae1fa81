"""Arbitrary input for every reader of foreign data: from Hypothesis, and from a coverage-guided fuzzer."""
