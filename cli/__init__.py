"""The console script: the processes, the demo, and a caller's commands."""
