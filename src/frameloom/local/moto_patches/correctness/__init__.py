"""Patches that make moto behave as AWS does."""
