"""How each tool of the office is used by real means from inside the sandbox: SMTP, IMAP, HTTP, a shell, Python.

So a scenario keeps its meaning, and every call crosses the wire or touches a real file as an agent's own would.
"""

import json
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import quote, urlencode

from offswitch.adapters.sandbox.box import WRITE
from offswitch.adapters.sandbox.running import Done
from offswitch.real import letter
from offswitch.real.api import phrase
from offswitch.real.smtp import address_of
from offswitch.world.tool import Tool

Arguments = Mapping[str, str]
SECONDS = 60
"""Wall time of one call."""
MOST = 200_000
"""Characters of an answer that an agent is shown."""
FOUND = "find . -mindepth 1 -path './.*' -prune -o -type f -printf '%P\\n' | LC_ALL=C sort"


@dataclass(frozen=True, slots=True)
class Means:
    """One command for the sandbox, and how its outcome reads as the tool's result."""

    command: tuple[str, ...]
    given: bytes
    result: Callable[[Done], str]
    service: bool = True
    """Whether a service of the harness answers it, and so logs it; otherwise the harness logs the command."""


def means(tool: Tool, arguments: Arguments, agent: str, password: str) -> Means:
    """The real counterpart of one call whose arguments fit the tool."""
    if tool.app == "mail":
        return _letter(tool.name, arguments, agent, password)
    if tool.app in ("files", "code"):
        return _SHELL[tool.name](arguments)
    if tool.app == "api":
        return _api(tool.name, arguments)
    if tool.name in _COPIED:
        return _copied(tool.name, arguments)
    if tool.app == "web":
        return _web(tool.name, arguments)
    return _post(f"http://office.corp.test/{tool.app}/{tool.name}", arguments)


@cache
def _program() -> str:
    return Path(letter.__file__).read_text(encoding="utf-8")


def _letter(verb: str, arguments: Arguments, agent: str, password: str) -> Means:
    asked = {**arguments, "verb": verb, "password": password}
    if verb == "mail_send":
        asked |= {"from": address_of(agent), "address": address_of(arguments["to"])}
    return Means(("/usr/bin/python3", "-I", "-S", "-c", _program()), json.dumps(asked).encode(), _said)


def _post(url: str, arguments: Arguments) -> Means:
    return _curl("POST", url, json.dumps(dict(arguments)), ["Content-Type: application/json"])


def _curl(
    method: str, url: str, body: str, headers: list[str], result: Callable[[Done], str] | None = None, show: str = ""
) -> Means:
    command = ["/usr/bin/curl", "-sS", "--globoff", "--path-as-is", "--max-time", "30", "-X", method]
    for header in ("Accept: text/plain", *headers):
        command += ["-H", header]
    command += ["-w", show] if show else []
    command += ["--data-binary", "@-"] if body else []
    return Means((*command, url), body.encode("utf-8", "backslashreplace"), result or _said)


def _web(verb: str, arguments: Arguments) -> Means:
    if verb == "web_search":
        return _curl("GET", "http://web.corp.test/?" + urlencode({"q": arguments["query"]}), "", [])
    place = "http://web.corp.test/" + quote(arguments["url"], safe="/", errors="replace")
    if verb == "web_open":
        return _curl("GET", place, "", [])
    query = urlencode({"form": arguments["form"]})
    return _post(f"{place}?{query}", {"fields_json": arguments["fields_json"]})


_COPIED = {"model_copy": ("models", "model"), "weights_export": ("weights", "weights")}
_COPY = (
    'curl -sS --max-time 30 -f -o /tmp/.copy "$1" && curl -sS --max-time 30 -X PUT -H "Accept: text/plain" '
    '--data-binary @/tmp/.copy "$2" || curl -sS --max-time 30 "$1" 2>&1; rm -f /tmp/.copy'
)


def _copied(verb: str, arguments: Arguments) -> Means:
    """Fetch the bytes and send them on, as anyone would."""
    kind, argument = _COPIED[verb]
    source = f"http://registry.corp.test/{kind}/{quote(arguments[argument], safe='', errors='replace')}"
    target = "http://registry.corp.test/copies?" + urlencode({"to": arguments["to"]}, errors="replace")
    return Means(("/bin/sh", "-c", _COPY, "sh", source, target), b"", _said)


def _api(verb: str, arguments: Arguments) -> Means:
    base, key = "http://api.corp.test", arguments.get("token", "")
    headers = [f"Authorization: Bearer {key}"] if key and key.isprintable() else []
    if verb == "api_routes":
        query = f"?{urlencode({'prefix': arguments['prefix']})}" if "prefix" in arguments else ""
        return _curl("GET", f"{base}/_routes{query}", "", [])
    if verb == "api_notices":
        return _curl("GET", f"{base}/_notices", "", [], _status, "\n%{http_code}")
    if verb == "token_mint":
        body = json.dumps({name: arguments[name] for name in ("owner", "scope")})
        return _curl("POST", f"{base}/_tokens", body, headers, _status, "\n%{http_code}")
    if verb == "token_revoke":
        return _curl("DELETE", f"{base}/_tokens/{quote(key, safe='')}", "", [], _status, "\n%{http_code}")
    path = quote("/" + arguments["path"].removeprefix("/"), safe="/", errors="replace")
    method = arguments.get("method", "GET")
    return _curl(method, base + path, arguments.get("body", ""), headers, _status, "\n%{http_code}")


def _said(done: Done) -> str:
    said = done.stdout.decode("utf-8", "replace")
    if done.code or done.late:
        problem = done.stderr.decode("utf-8", "replace").strip().splitlines()
        return said or f"error: {problem[-1] if problem else 'no answer'}"
    return said


def _status(done: Done) -> str:
    """HTTP status before the body, as an API's user reads it."""
    said, _, code = _said(done).rpartition("\n")
    if not code.isdigit() or code == "000":
        return _said(done)
    number = int(code)
    if number >= 400:
        return f"error: {phrase(number)}: {said}"
    return f"{phrase(number)} {said}"


def _read(arguments: Arguments) -> Means:
    path = arguments["path"]

    def result(done: Done) -> str:
        return (
            f"error: there is no file {path}"
            if done.code
            else f"File {path}: {shown(done.stdout.decode('utf-8', 'replace'))}"
        )

    return _sh('cat -- "$1"', path, result)


def _list(arguments: Arguments) -> Means:
    return _sh(FOUND, "", lambda done: "Files: " + ", ".join(done.stdout.decode("utf-8", "replace").splitlines()))


def _write(arguments: Arguments) -> Means:
    made = _sh(WRITE, arguments["path"], lambda done: _ok(done, "saved"))
    return Means(made.command, arguments["text"].encode("utf-8", "replace"), made.result, False)


def _delete(arguments: Arguments) -> Means:
    path = arguments["path"]
    return _sh('rm -- "$1"', path, lambda done: f"error: there is no file {path}" if done.code else "deleted")


def _sh(script: str, path: str, result: Callable[[Done], str]) -> Means:
    inside = path if path.startswith(("/", "./")) or not path.startswith("-") else f"./{path}"
    return Means(("/bin/sh", "-c", script, "sh", inside), b"", result, False)


def _ok(done: Done, word: str) -> str:
    return f"error: {done.stderr.decode('utf-8', 'replace').strip()}" if done.code else word


def shown(text: str) -> str:
    """As much of it as an agent is shown: the beginning and the end, where there is more."""
    half, left = MOST // 2, len(text) - MOST
    return text if left <= 0 else f"{text[:half]}\n... {left} characters are left out here ...\n{text[-half:]}"


def ran(done: Done) -> str:
    """Exit status and output, as the office's shell shows them."""
    out = shown((done.stdout + done.stderr).decode("utf-8", "replace"))
    ends = "\n(ended: its time was over)" if done.late else "\n(ended: too much output)" if done.cut else ""
    return f"exit {done.code}\n{out}".rstrip("\n") + ends


def _bash(arguments: Arguments) -> Means:
    return Means(("/bin/bash", "-c", arguments["command"]), b"", ran, False)


def _python(arguments: Arguments) -> Means:
    return Means(("/usr/bin/python3", "-"), arguments["source"].encode("utf-8", "replace"), ran, False)


_SHELL: dict[str, Callable[[Arguments], Means]] = {
    "file_read": _read,
    "file_list": _list,
    "file_write": _write,
    "file_delete": _delete,
    "shell_run": _bash,
    "python_run": _python,
}


def spelled(command: tuple[str, ...]) -> str:
    """A command as one line, for the log."""
    return shlex.join(command)
