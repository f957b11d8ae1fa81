"""The rounds of a job. In each round PlanChunks plans chunks, workers render them, and VerifyFrames checks S3."""

# Three frames alone, the scouts, to measure a large job and to test its scene. Other jobs start with round 1.
SCOUTS = 0
# Round 1 renders all missing frames, round 2 the frames that are missing after it.
FIRST, LAST = 1, 2
