"""Frameloom: a Blender render farm whose orchestrator is AWS Step Functions."""

__version__ = "0.1.0"
