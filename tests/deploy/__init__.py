"""What is in `deploy/`, held against what runs."""
