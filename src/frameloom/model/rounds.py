"""The rounds of a job: in each, chunks are planned, rendered, and looked for in S3."""

# Three frames alone, where the job is worth it; else PlanChunks goes on to the next round at once.
SCOUTS = 0
# All that is missing, and once more what is missing then.
FIRST, LAST = 1, 2
