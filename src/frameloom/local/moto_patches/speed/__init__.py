"""Patches that make moto faster and change no answer."""
