#!/usr/bin/env python3
"""Writes common-passwords.txt, the list that `password/blocklist.rs` embeds. Needs nothing but Python 3.

    npm pack @zxcvbn-ts/language-common@4.1.3
    pip download --no-deps django==5.2.19
    ./common-passwords.py zxcvbn-ts-language-common-4.1.3.tgz django-5.2.19-py3-none-any.whl > common-passwords.txt

One password per line, lower case, NFC, sorted by bytes, each once. Licences and origins: NOTICE at the repository root.
"""

import gzip
import io
import json
import sys
import tarfile
import unicodedata
import zipfile

SHORTEST = 3  # shorter ones are no words: every password holds some of them


def zxcvbn_ts(path):
    with tarfile.open(path) as package:
        return json.load(package.extractfile("package/src/passwords.json"))


def django(path):
    with zipfile.ZipFile(path) as wheel:
        packed = wheel.read("django/contrib/auth/common-passwords.txt.gz")
    return gzip.open(io.BytesIO(packed), "rt", encoding="utf-8").read().split("\n")


def fold(word):
    return unicodedata.normalize("NFC", word.lower())


def readable(word):
    # Text that was once decoded with the wrong character set stands in both lists.
    return "\u043f\u0457\u0455" not in word and all(c.isprintable() for c in word)


def main():
    words = {fold(word) for word in zxcvbn_ts(sys.argv[1]) + django(sys.argv[2])}
    kept = (word for word in words if len(word) >= SHORTEST and readable(word))
    for word in sorted(kept, key=lambda word: word.encode()):
        sys.stdout.buffer.write(word.encode() + b"\n")


main()
