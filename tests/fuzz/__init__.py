"""Anything at all, at each place where the farm reads what others wrote: made by Hypothesis, and guided by coverage."""
