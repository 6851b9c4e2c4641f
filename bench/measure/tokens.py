"""`bench/run tokens`: what a token costs, in process, on one pinned core (`bench/tokens` says what exactly is measured), and over HTTP."""

import json
import os
import subprocess

from . import bearers, build
from .process import SERVER_CORE


def measure(options):
    folder = build.release("bench-tokens")
    rows = []
    for program in ["bench-tokens", "bench-seen"]:
        command = ["taskset", "-c", SERVER_CORE, os.path.join(folder, program), str(options.rounds or 300)]
        rows += json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return rows + bearers.measure(options)
