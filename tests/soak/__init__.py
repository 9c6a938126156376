"""The soak: thousands of jobs while the stand-in for Apiframe misbehaves and our processes are killed again and again.

    make soak                                  ten minutes, 5,000 jobs
    make soak ARGS="--seconds 60 --jobs 500"   shorter; --seed N draws another plan, --keep FOLDER keeps logs and data

The service, two workers and Redis are real processes, killed with -9 or frozen for some seconds; the callers are the
client distribution over real HTTP. At the end everything that was promised is held against what the stand-in knows, job
by job, and what was broken is named with its history. The exit code is 0 only if nothing was.

    plan      what is submitted, and what happens to whom and when, drawn from the seed
    parts     the processes
    callers   submit, and keep what they were told
    faults    kill, freeze, restart, and let upstream misbehave
    evidence  what is found at the end, upstream and in Redis
    verdicts  what was promised, as pure functions of the evidence
    report    the tables
"""
