"""The whole of it on this machine: Redis, a stand-in for Apiframe, service and worker, three masks and a picture."""
