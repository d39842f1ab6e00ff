"""Everything that happened in a sandbox as one Event log, written by the harness alone: commands, files, processes, services.

After each command the files and processes are looked at from outside and held against the look before. Where the kernel
lets us watch (see `watch`), each touch of a file is told besides, with its process, and put down to whoever had started
that; elsewhere all that differs is put down to whoever ran the command. Services that the harness itself serves inside
report what they were asked for. Nothing in the log was told by a program of the agent's.
"""

import posixpath
import time
from collections.abc import Callable, Mapping, Sequence

from offswitch.adapters.sandbox.box import Box
from offswitch.adapters.sandbox.census import Census, Process, census
from offswitch.adapters.sandbox.running import Done
from offswitch.adapters.sandbox.snapshot import Change, Snapshot, changes, content, reads, snapshot
from offswitch.adapters.sandbox.watch import Touch, Unwatched, Watch
from offswitch.world.event import Event

TEXT = 8192
"""Bytes of a changed file that go into the log, enough to judge a hook or a script by."""
SETTLE = 0.05
"""Seconds given to what a command leaves running, before the look."""
MACHINE = "machine"
"""Who does what is done by programs that ran before the agent came."""
FULL = 0.9
"""Share of the sandbox's processes above which it is told that nobody else can start one."""


class Observer:
    """Watches one sandbox; `events` grows."""

    def __init__(self, box: Box, repos: Sequence[str] = (), fanotify: bool = True) -> None:
        """Without `fanotify` the looks have to do, as on a machine that does not permit it."""
        self.box = box
        self.watch, self.means = _watch(box) if fanotify else (None, "the times of reading; fanotify was not asked for")
        """The second: what tells readings and who touched what, in words."""
        self.repos = tuple(repos)
        """Git work trees whose branches are followed, absolute paths inside."""
        self.events: list[Event] = []
        self.read: list[str] = []
        """Files that were read before the last look and after the one before it; absolute paths."""
        self._time = 0
        self._files: Snapshot = {}
        self._living: Census = {}
        self._heads: dict[str, str] = {}
        self._owners: dict[int, str] = {}
        self._own: set[int] = set()
        self.rebase()

    def rebase(self) -> None:
        """Take what is there now as given: what was set up before the agent began."""
        self._files = snapshot(self.box, self._files)
        self._living = census(self.box)
        self._heads = self._refs()
        self._own_up(self._whose(MACHINE, self._touches(), self._living), self._living)

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
        touches, now, living = self._touches(), snapshot(self.box, self._files), census(self.box)
        whose = self._whose(actor, touches, living)
        writers: dict[str, str] = {}
        readers: dict[str, set[str]] = {}
        for touch in touches:
            self._touch(whose(touch.pid), touch)
            if touch.verb == "read":
                readers.setdefault(touch.path, set()).add(whose(touch.pid))
            elif touch.verb not in ("listed", "run"):
                writers[touch.path] = writers[touch.was] = whose(touch.pid)
        for change in changes(self._files, now):
            self._file(writers.get(change.path, actor), change, now)
        # a file that is mapped is read without a word of the kernel's, and its time of reading moves all the same
        self.read = sorted(path for path in {*reads(self._files, now), *readers} if actor in readers.get(path, {actor}))
        self._files = now
        most = int(FULL * self.box.config.processes)
        if len(living) > most >= len(self._living):
            self._add(actor, "processes", "full", {"count": str(len(living))}, "", True)
        for key, process in living.items():
            if key not in self._living:
                self._process(whose(process.pid), "started", process)
            elif process != self._living[key]:
                self._process(actor, "changed", process)
        for key, process in self._living.items():
            if key not in living:
                self._process(actor, "ended", process)
        self._living = living
        self._own_up(whose, living)
        heads = self._refs()
        for name, old in self._heads.items():
            self._branch(actor, name, old, heads.get(name, ""))
        self._heads = heads

    def served(self, actor: str, app: str, verb: str, arguments: Mapping[str, str], ok: bool) -> None:
        """A service of the harness was asked for something; called by the service."""
        self._add(actor, app, verb, arguments, "", ok)

    def _touches(self) -> list[Touch]:
        """What the kernel told since the last time, but for what the harness itself ran inside to look."""
        own, self._own = self._own, set()
        return [touch for touch in self.watch.taken() if touch.pid not in own] if self.watch else []

    def _whose(self, actor: str, touches: Sequence[Touch], living: Census) -> Callable[[int], str]:
        """Who answers for a host pid: whoever had started it, or its nearest ancestor that is known; else `actor`."""
        parents = {touch.pid: touch.parent for touch in touches} | {one.pid: one.parent for one in living.values()}
        owners = self._owners

        def whose(pid: int) -> str:
            for _ in range(len(parents) + 1):
                if pid in owners or pid not in parents:
                    break
                pid = parents[pid]
            return owners.get(pid, actor)

        return whose

    def _own_up(self, whose: Callable[[int], str], living: Census) -> None:
        self._owners = {one.pid: whose(one.pid) for one in living.values()}

    def _touch(self, actor: str, touch: Touch) -> None:
        told = {"path": touch.path, "program": touch.program, "pid": str(touch.inside or "")}
        self._add(actor, "access", touch.verb, told | ({"was": touch.was} if touch.was else {}), "", True)

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
        if process.frozen:
            told["frozen"] = "True"
        told["text"] = "\n".join(text.decode(errors="replace") for text in self._scripts(process))
        return told

    def _scripts(self, process: Process) -> list[bytes]:
        """What it was given to run: the files that its command line names, though they be gone, and its standard input."""
        paths = [posixpath.normpath(posixpath.join(self.box.config.home, word)) for word in process.argv]
        paths += [path for path, entry in self._files.items() if process.stdin and entry.inode == process.stdin]
        here = [path for path in paths if path in self._files and self._files[path].kind == "file"]
        gone = [path for path in paths if path not in self._files] if self.watch else []
        kept = (self.watch.last(path) for path in gone) if self.watch else ()
        return [content(self.box, path, TEXT) for path in here] + [text[:TEXT] for text in kept if text is not None]

    def _refs(self) -> dict[str, str]:
        """Branch by "repo name" to commit. Git runs inside, as weak as the agent, from the read-only /usr."""
        found: dict[str, str] = {}
        for repo in self.repos:
            listed = self.box.run(
                ["/usr/bin/git", "-C", repo, "for-each-ref", "--format=%(refname) %(objectname)", "refs/heads"]
            )
            self._own.add(listed.pid)
            for line in listed.stdout.decode(errors="replace").splitlines():
                name, _, commit = line.partition(" ")
                found[f"{repo} {name}"] = commit
        return found

    def _asked(self, command: Sequence[str]) -> int:
        done = self.box.run(command)
        self._own.add(done.pid)
        return done.code

    def _branch(self, actor: str, name: str, old: str, new: str) -> None:
        if old == new:
            return
        repo, branch = name.split(" ", 1)
        ask = ["/usr/bin/git", "-C", repo, "merge-base", "--is-ancestor", old, new]
        verb = "deleted" if not new else "advanced" if self._asked(ask) == 0 else "rewritten"
        self._add(actor, "git", verb, {"repo": repo, "branch": branch, "was": old, "now": new}, "", True)


def _watch(box: Box) -> tuple[Watch | None, str]:
    try:
        return Watch(box), "fanotify, with the process of each touch"
    except Unwatched as error:
        return None, f"the times of reading; {error}"
