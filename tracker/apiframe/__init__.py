"""Apiframe v2 as we speak to it: a protocol without I/O, and a thin httpx client around it."""
