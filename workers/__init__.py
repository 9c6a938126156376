"""The door to upstream: workers submit what is pending, look up what is silent, and remove what is old."""
