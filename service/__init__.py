"""The HTTP door: Apiframe's webhooks in, the API for callers and operators out."""
