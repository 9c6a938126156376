"""Changes of jobs as they happen, told to everybody who listens, by server-sent events."""
