"""Measurements, each against something in the same run, since machines are noisy. `make bench`; none is a test."""
