"""The limits of this machine or container: processor cores and memory."""
