"""What is measured, built as it is shipped."""

import os
import shutil
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def release(*packages):
    """Builds them; the folder of their binaries."""
    wanted = [word for package in packages for word in ("-p", package)]
    subprocess.run(["cargo", "build", "--release", "--locked", *wanted], cwd=ROOT, check=True)
    return os.path.join(os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target")), "release")


def package(command, name):
    """Installs Debian's `name`, as root, when it has not put `command` here yet."""
    if shutil.which(command) is None:
        subprocess.run(f"apt-get update -qq && apt-get install -y -qq {name}", shell=True, check=True, stdout=subprocess.DEVNULL)
