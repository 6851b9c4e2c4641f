"""What docs/OPERATIONS.md shows: its configuration files and commands, as they stand there, moved to the addresses and folders of a test."""

import re
import textwrap
from pathlib import Path

TEXT = (Path(__file__).parents[2] / "docs/OPERATIONS.md").read_text()


def block(section, language):
    """The one block of a language in a section, which a reader would copy."""
    parts = re.split(r"^## ", TEXT, flags=re.M)
    (part,) = [part for part in parts if part.startswith(section + "\n")]
    blocks = re.findall(rf"^ *```{language}\n(.*?)^ *```$", part, flags=re.M | re.S)
    assert len(blocks) == 1, f"{section}: {len(blocks)} blocks of {language}"
    return textwrap.dedent(blocks[0])


def moved(text, places):
    """The text with each of these replaced; every one of them must stand in it."""
    for was, is_ in places.items():
        assert was in text, f"{was} does not stand in:\n{text}"
        text = text.replace(was, is_)
    return text
