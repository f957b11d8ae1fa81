"""The farm's vocabulary: frames, chunks, keys, requests, messages, errors. Pure: no I/O, no boto3."""
