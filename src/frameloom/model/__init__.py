"""The types of the farm: frames, chunks, keys, requests, messages and errors. No boto3, and no I/O but package data."""
