"""How soon a server answers, and how much memory it has before anybody asks."""

import os
import statistics
import tempfile
import time

from . import rows
from .process import symbolon

TIMES = 5


def idle(binaries):
    """With an empty store."""
    with tempfile.TemporaryDirectory() as folder:
        symbolon(binaries["symbolon"], folder).stop()
        started, resident = [], []
        for _ in range(TIMES):
            server = symbolon(binaries["symbolon"], folder)
            started.append(server.started * 1000)
            time.sleep(1)
            resident.append(server.resident() / 2**20)
            server.stop()
    return [
        rows.at_most("empty store: first answer after the start of the process", statistics.median(started), "ms", 50),
        rows.at_most("empty store: resident", statistics.median(resident), "MiB", 20),
    ]


def full(binaries, folder, sessions):
    """With a store that is."""
    started = []
    for _ in range(TIMES):
        server = symbolon(binaries["symbolon"], folder)
        started.append(server.started)
        server.stop()
    size = os.path.getsize(os.path.join(folder, "data", "symbolon.db")) / 2**30
    name = f"start with {sessions:,} sessions in the store ({size:.1f} GiB): ready"
    return [rows.at_most(name, statistics.median(started), "s", 1, 3)]
