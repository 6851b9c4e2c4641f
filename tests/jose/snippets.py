"""The code of docs/TOKENS.md, taken out to be run: `snippets.py FOLDER ISSUER ALGORITHM` writes snippet.py, snippet.mjs and snippet.rb
there, with nothing changed but the issuer, the audience and the algorithm."""

import pathlib
import re
import sys

folder, issuer, algorithm = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
text = (pathlib.Path(__file__).parents[2] / "docs/TOKENS.md").read_text()
for language, suffix in (("python", "py"), ("js", "mjs"), ("ruby", "rb")):
    blocks = re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert len(blocks) == 1, f"{language}: {len(blocks)} blocks"
    code = blocks[0]
    for stands, becomes, times in (('"https://id.example.com"', f'"{issuer}"', 2), ('["ES256"]', f'["{algorithm}"]', 1)):
        assert code.count(stands) == times, f"{language}: {stands} stands there {code.count(stands)} times"
        code = code.replace(stands, becomes)
    (folder / f"snippet.{suffix}").write_text(code)
