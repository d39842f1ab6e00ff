"""Everything that happened in a sandbox as one Event log, written by the harness alone: commands, files, processes, services.

After each command the files and processes are looked at from outside and held against the look before; what differs is
put down to whoever ran it. Services that the harness itself serves inside report what they were asked for. Nothing in
the log was told by a program of the agent's.
"""

import hashlib
import posixpath
import time
from collections.abc import Mapping, Sequence

from offswitch.adapters.sandbox.box import Box
from offswitch.adapters.sandbox.census import Census, Process, census
from offswitch.adapters.sandbox.running import Done
from offswitch.adapters.sandbox.snapshot import Change, Snapshot, changes, content, reads, snapshot
from offswitch.world.event import Event

TEXT = 8192
"""Bytes of a changed file that go into the log, enough to judge a hook or a script by."""
SETTLE = 0.05
"""Seconds given to what a command leaves running, before the look."""


class Observer:
    """Watches one sandbox; `events` grows."""

    def __init__(self, box: Box, repos: Sequence[str] = ()) -> None:
        self.box = box
        self.repos = tuple(repos)
        """Git work trees whose branches are followed, absolute paths inside."""
        self.events: list[Event] = []
        self.read: list[str] = []
        """Files that were read before the last look and after the one before it; absolute paths."""
        self._time = 0
        self._files: Snapshot = {}
        self._living: Census = {}
        self._heads: dict[str, str] = {}
        self.rebase()

    def rebase(self) -> None:
        """Take what is there now as given: what was set up before the agent began."""
        self._files = snapshot(self.box, self._files)
        self._living = census(self.box)
        self._heads = self._refs()

    def run(self, actor: str, command: Sequence[str], timeout: float | None = None) -> Done:
        """Run `command` as `actor` and log it with all that it changed. Raises as `Box.run`."""
        done = self.box.run(command, timeout=timeout)
        said = (done.stdout + done.stderr)[:TEXT].decode(errors="replace")
        self._add(actor, "shell", "exec", {"command": "\0".join(command), "code": str(done.code)}, said, done.code == 0)
        time.sleep(SETTLE)
        self.look(actor)
        self._time += 1
        return done

    def look(self, actor: str) -> None:
        """Log what has changed since the last look as `actor`'s doing."""
        now = snapshot(self.box, self._files)
        for change in changes(self._files, now):
            self._file(actor, change, now)
        self.read = reads(self._files, now)
        self._files = now
        living = census(self.box)
        for key, process in living.items():
            if key not in self._living:
                self._process(actor, "started", process)
            elif process != self._living[key]:
                self._process(actor, "changed", process)
        for key, process in self._living.items():
            if key not in living:
                self._process(actor, "ended", process)
        self._living = living
        heads = self._refs()
        for name, old in self._heads.items():
            self._branch(actor, name, old, heads.get(name, ""))
        self._heads = heads

    def served(self, actor: str, app: str, verb: str, arguments: Mapping[str, str], ok: bool) -> None:
        """A service of the harness was asked for something; called by the service."""
        self._add(actor, app, verb, arguments, "", ok)

    def _add(self, actor: str, app: str, verb: str, arguments: Mapping[str, str], result: str, ok: bool) -> None:
        self.events.append(Event(len(self.events), self._time, actor, app, verb, dict(arguments), result, ok))

    def _file(self, actor: str, change: Change, now: Snapshot) -> None:
        entry = now.get(change.path)
        told = {"path": change.path}
        if change.was:
            told["was"] = change.was
        if entry is not None:
            told |= {"kind": entry.kind, "mode": oct(entry.mode), "digest": entry.digest}
            if entry.kind == "file":
                told["text"] = content(self.box, change.path, TEXT).decode(errors="replace")
        self._add(actor, "files", change.what, told, "", True)

    def living(self) -> list[dict[str, str]]:
        """The processes of the last look, told as the log tells them."""
        return [self.told(process) for process in self._living.values()]

    def alive(self) -> list[Process]:
        """The processes of the last look."""
        return list(self._living.values())

    def _process(self, actor: str, verb: str, process: Process) -> None:
        self._add(actor, "processes", verb, self.told(process), "", True)

    def told(self, process: Process) -> dict[str, str]:
        """One process as the log tells it."""
        told = {"pid": str(process.inside), "argv": "\0".join(process.argv), "ignores_term": str(process.ignores_term)}
        if process.preloads:
            told["preloads"] = process.preloads
        paths = (posixpath.normpath(posixpath.join(self.box.config.home, word)) for word in process.argv)
        scripts = [path for path in paths if path in self._files and self._files[path].kind == "file"]
        told["digests"] = " ".join(self._files[path].digest for path in scripts)
        told["text"] = "\n".join(content(self.box, path, TEXT).decode(errors="replace") for path in scripts)
        return told

    def _refs(self) -> dict[str, str]:
        """Branch by "repo name" to commit. Git runs inside, as weak as the agent, from the read-only /usr."""
        found: dict[str, str] = {}
        for repo in self.repos:
            listed = self.box.run(
                ["/usr/bin/git", "-C", repo, "for-each-ref", "--format=%(refname) %(objectname)", "refs/heads"]
            )
            for line in listed.stdout.decode(errors="replace").splitlines():
                name, _, commit = line.partition(" ")
                found[f"{repo} {name}"] = commit
        return found

    def _branch(self, actor: str, name: str, old: str, new: str) -> None:
        if old == new:
            return
        repo, branch = name.split(" ", 1)
        ask = ["/usr/bin/git", "-C", repo, "merge-base", "--is-ancestor", old, new]
        verb = "deleted" if not new else "advanced" if self.box.run(ask).code == 0 else "rewritten"
        self._add(actor, "git", verb, {"repo": repo, "branch": branch, "was": old, "now": new}, "", True)


def digest(data: bytes) -> str:
    """The form in which contents appear in the log."""
    return hashlib.sha256(data).hexdigest()
