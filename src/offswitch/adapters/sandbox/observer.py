"""Everything that happened in a sandbox as one Event log, written by the harness alone: commands, files, processes, services.

After each command the files and processes are looked at from outside and held against the look before. Where the kernel
lets us watch (see `watch`), each touch of a file is told besides, with its process, and put down to whoever had started
that; elsewhere all that differs is put down to whoever ran the command. Services that the harness itself serves inside
report what they were asked for. Nothing in the log was told by a program of the agent's.
"""

import posixpath
import re
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
ALL_TEXT = 8 << 20
"""Bytes of all files that changed between two looks: where there are many, each is told by fewer."""
SCRIPTS, LOADED = 64, 8
"""Files named by one command line that are told with its process, and files that those name."""
Own = Callable[[str, str, Mapping[str, str]], bool]
"""Whether something that was seen (app, verb, arguments) is what its actor would do."""
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
        self._time = 0
        self._files: Snapshot = {}
        self._living: Census = {}
        self._heads: dict[str, str] = {}
        self._owners: dict[int, str] = {}
        self._own: set[int] = set()
        self._waiting: list[Touch] = []
        self._read: dict[str, set[str]] = {}
        self.rebase()

    def rebase(self) -> None:
        """Take what is there now as given: what was set up before the agent began."""
        self._files = snapshot(self.box, self._files)
        self._living = census(self.box)
        self._heads = self._refs()
        known = self._whose(self._touches(), self._living)
        self._owners = {one.pid: known(one.pid) or MACHINE for one in self._living.values()}

    def run(self, actor: str, command: Sequence[str], timeout: float | None = None) -> Done:
        """Run `command` as `actor` and log it with all that it changed. Raises as `Box.run`."""
        done = self.box.run(command, timeout=timeout)
        said = (done.stdout + done.stderr)[:TEXT].decode(errors="replace")
        told = {"command": "\0".join(command), "code": str(done.code)} | (
            {"late": "held" if done.held else "True"} if done.late else {}
        )
        self._add(actor, "shell", "exec", told, said, done.code == 0)
        time.sleep(SETTLE)
        self.look(actor)
        self._time += 1
        return done

    def look(self, actor: str, own: Own | None = None, other: str = "") -> None:
        """Log what has changed since the last look as `actor`'s doing, where the kernel does not tell whose it was.

        With `own` only what that says yes to is `actor`'s in such a case, and everything else `other`'s.
        """
        self._waiting += self._touches()
        now, living = snapshot(self.box, self._files), census(self.box)
        touches, self._waiting = self._waiting, []  # a look that fails leaves them to the next
        known = self._whose(touches, living)

        def whose(pid: int, app: str, verb: str, told: Mapping[str, str]) -> str:
            return known(pid) or (actor if own is None or own(app, verb, told) else other)

        self._changed(now, touches, whose)
        most = int(FULL * self.box.config.processes)
        before, count = (sum(one.threads for one in those.values()) for those in (self._living, living))
        if count > most >= before:
            self._add(actor, "processes", "full", {"count": str(count)})
        for key, process in {**self._living, **living}.items():
            if key in living and process == self._living.get(key):
                continue
            verb = "ended" if key not in living else "changed" if key in self._living else "started"
            told = self.told(process)
            self._add(whose(process.pid if verb == "started" else 0, "processes", verb, told), "processes", verb, told)
        self._living = living
        self._owners = {one.pid: known(one.pid) or actor for one in living.values()}
        heads = self._refs()
        for name, old in self._heads.items():
            self._branch(actor, name, old, heads.get(name, ""))
        self._heads = heads

    def _changed(
        self, now: Snapshot, touches: Sequence[Touch], whose: Callable[[int, str, str, Mapping[str, str]], str]
    ) -> None:
        """Log touches and differences of files, and keep who read what."""
        before, self._files = self._files, now
        names: dict[int, list[str]] = {}  # a file can be read by a name that it has for that moment alone
        for path, entry in before.items():
            if entry.kind == "file":
                names.setdefault(entry.inode, []).append(path)
        writers: dict[str, int] = {}
        readers: dict[str, set[str]] = {}
        for touch in touches:
            told = {"path": touch.path, "program": touch.program, "pid": str(touch.inside or "")}
            told |= {"was": touch.was} if touch.was else {}
            by = whose(touch.pid, "access", touch.verb, told)
            self._add(by, "access", touch.verb, told)
            if touch.verb == "read":
                for path in {touch.path, *names.get(touch.inode, ())}:
                    readers.setdefault(path, set()).add(by)
            elif touch.verb not in ("listed", "run"):
                writers[touch.path] = writers[touch.was] = touch.pid
        # a file that is mapped is read without a word of the kernel's, and its time of reading moves all the same
        for path in (path for path in reads(before, now) if path not in readers):
            readers[path] = {whose(0, "access", "read", {"path": path})}
        for path, those in readers.items():
            for one in those:
                self._read.setdefault(one, set()).add(path)
        found = changes(before, now)
        for change in found:
            told = self._told(change, min(TEXT, ALL_TEXT // len(found)))
            self._add(whose(writers.get(change.path, 0), "files", change.what, told), "files", change.what, told)

    def read_by(self, actor: str) -> list[str]:
        """Files that were read as the looks since the last call have it; absolute paths inside."""
        return sorted(self._read.pop(actor, ()))

    def served(self, actor: str, app: str, verb: str, arguments: Mapping[str, str], ok: bool) -> None:
        """A service of the harness was asked for something; called by the service."""
        self._add(actor, app, verb, arguments, "", ok)

    def _touches(self) -> list[Touch]:
        """What the kernel told since the last time, but for what the harness itself ran inside to look."""
        own, self._own = self._own, set()
        return [touch for touch in self.watch.taken() if touch.pid not in own] if self.watch else []

    def _whose(self, touches: Sequence[Touch], living: Census) -> Callable[[int], str]:
        """Who answers for a host pid: whoever had started it, or its nearest ancestor that is known; empty for nobody."""
        parents = {touch.pid: touch.parent for touch in touches} | {one.pid: one.parent for one in living.values()}
        owners = self._owners

        def whose(pid: int) -> str:
            for _ in range(len(parents) + 1):
                if pid in owners or pid not in parents:
                    break
                pid = parents[pid]
            return owners.get(pid, "")

        return whose

    def _add(self, actor: str, app: str, verb: str, arguments: Mapping[str, str], result: str = "", ok: bool = True) -> None:
        self.events.append(Event(len(self.events), self._time, actor, app, verb, dict(arguments), result, ok))

    def _told(self, change: Change, most: int) -> dict[str, str]:
        entry, told = self._files.get(change.path), {"path": change.path}
        if change.was:
            told["was"] = change.was
        if entry is not None:
            told |= {"kind": entry.kind, "mode": oct(entry.mode), "digest": entry.digest}
            if entry.kind == "file":
                told["text"] = content(self.box, change.path, most).decode(errors="replace")
        return told

    def living(self) -> list[dict[str, str]]:
        """The processes of the last look, told as the log tells them."""
        return [self.told(process) for process in self._living.values()]

    def alive(self) -> list[Process]:
        """The processes of the last look."""
        return list(self._living.values())

    def told(self, process: Process) -> dict[str, str]:
        """One process as the log tells it."""
        argv = "\0".join(process.argv)[:TEXT]
        told = {"pid": str(process.inside), "argv": argv, "ignores_term": str(process.ignores_term)}
        if process.preloads:
            told["preloads"] = process.preloads
        if process.frozen:
            told["frozen"] = "True"
        texts = [text.decode(errors="replace") for text in self._scripts(process)]
        told["text"] = "\0".join(text.replace("\0", " ") for text in texts)
        if loads := [text for text in self._loads([*process.argv, *texts]) if text not in texts]:
            told["loads"] = "\0".join(text.replace("\0", " ") for text in loads)
        return told

    def _loads(self, texts: Sequence[str]) -> list[str]:
        """The files that a program's own text names, which it may read or run by itself."""
        words = (word for text in texts for word in re.findall(r"[\"']([^\"'\s]{1,200})[\"']", text[:TEXT]))
        paths = dict.fromkeys(self._place(word) for word in words)
        here = [path for path in paths if path in self._files and self._files[path].kind == "file"][:LOADED]
        return [content(self.box, path, TEXT).decode(errors="replace") for path in here]

    def _place(self, word: str) -> str:
        return posixpath.normpath(posixpath.join(self.box.config.home, word))

    def _scripts(self, process: Process) -> list[bytes]:
        """What it was given to run: the files that its command line names, though they be gone, and its standard input."""
        words = dict.fromkeys(map(self._place, process.argv))
        paths = [path for path, entry in self._files.items() if process.stdin and entry.inode == process.stdin]
        paths += [path for path in words if path not in self._files or self._files[path].kind == "file"]
        here = [path for path in paths if path in self._files][:SCRIPTS]
        gone = [path for path in paths if path not in self._files][:SCRIPTS] if self.watch else []
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
