"""Builds the image and tries it as it is run: alone, under compose, as a pod of Kubernetes; `make verify`."""
