"""Redis, which holds every job. All keys are named in `keys`; every change of a job is one script in `lua/`."""
