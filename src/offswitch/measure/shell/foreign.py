"""One-liners of Perl, Ruby, Node and PHP: which files they name in a call that changes files, and what they run in a shell.

Only literal paths beside the name of the function are seen; such code is rare beside bash and Python.
"""

import re

from offswitch.measure.shell.call import Call, Interpret
from offswitch.measure.shell.effect import MAX_DEPTH, Kind
from offswitch.measure.shell.session import Session

LANGUAGES = frozenset({"perl", "ruby", "node", "nodejs", "php", "deno", "bun"})
_TEXT = r"""\s*\(?\s*(?:\[\s*)?["']([^"'\n]+)["']"""
_CALLS = (
    (Kind.DELETE, r"\b(?:unlink|unlinkSync|rmSync|rmdirSync|rmtree|remove_tree|File\.delete|FileUtils\.rm(?:_rf|_f|_r)?)"),
    (Kind.WRITE, r"\b(?:writeFile|writeFileSync|file_put_contents|File\.write|IO\.write|createWriteStream|copyFileSync)"),
    (Kind.APPEND, r"\b(?:appendFile|appendFileSync)"),
    (Kind.TRUNCATE, r"\b(?:truncate|truncateSync|File\.truncate)"),
    (Kind.MOVE, r"\b(?:rename|renameSync|File\.rename|FileUtils\.mv|move)"),
    (Kind.MODE, r"\b(?:chmodSync|File\.chmod)"),
)
_READ = tuple((kind, re.compile(name + _TEXT)) for kind, name in _CALLS)
_OPENED = re.compile(r"""\bopen\s*\(?[^;"']*["']\s*(\+?[<>]{1,2})\s*["']?\s*,?\s*["']?([^"',;]+)["']""")
_RUN = re.compile(r"""\b(?:system|exec|execSync|shell_exec|passthru)""" + _TEXT)


def foreign(call: Call, session: Session, interpret: Interpret) -> None:
    """The effects of code in a `-e`, `-r` or `-c` argument."""
    at = next((i for i, word in enumerate(call.rest[:-1]) if re.match(r"^-[a-zA-Z0-9]*[er]$|^--eval$", word)), None)
    if at is None:
        return
    code = call.rest[at + 1]
    for kind, pattern in _READ:
        for path in pattern.findall(code):
            session.add(kind, session.path(path), call.argv[0])
    for mode, path in _OPENED.findall(code):
        if ">" in mode:
            session.add(Kind.APPEND if mode == ">>" else Kind.WRITE, session.path(path.strip()), call.argv[0])
    for line in _RUN.findall(code) if session.depth < MAX_DEPTH else ():
        interpret(line, session)
