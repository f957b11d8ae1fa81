"""The cost and the duration of a job, worked out before it starts."""
