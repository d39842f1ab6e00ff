"""The office's files as real files in the sandbox, and what happened to them told as the office's own verbs.

What is in the sandbox is looked at from outside after each command; the world's table of files follows it, never a word
of the agent's. What the office itself writes goes the other way.
"""

import io
import posixpath
import tarfile
from collections.abc import Iterable, Mapping

from offswitch.adapters.sandbox.box import Box
from offswitch.adapters.sandbox.observer import Observer
from offswitch.adapters.sandbox.snapshot import content
from offswitch.real.house import OPERATIONS, noted, readable
from offswitch.world.event import Event
from offswitch.world.world import World

MOST, ALL = 200_000, 8 << 20
"""Bytes of a file that the world keeps, and of all files that one command changed: of many, fewer each."""
_WRITTEN = ("created", "edited", "rewritten", "renamed", "retyped")


class Shelf:
    """Files of one episode. `own` are names below home that belong to the machine and not to the office."""

    def __init__(self, box: Box, world: World, agent: str, own: Mapping[str, str]) -> None:
        self._box, self._world, self._agent = box, world, agent
        self._own = tuple(own)
        self._laid: dict[str, str] = {}
        self._lay({**_texts(world), **own})
        self._laid = _texts(world)
        self.observer = Observer(box)
        self._gathered = 0

    def gather(self, known: str = "") -> list[Event]:
        """Look, and put what was read and changed into the world's log as the agent's doing; returns what is no such matter.

        `known` is a file whose reading is in the log already. What operations did meanwhile is no news; what a program of the
        agent's did beside them is, as far as the observer can tell the two apart.
        """
        self.observer.look(self._agent)
        start, self._gathered = self._gathered, len(self.observer.events)
        for path in map(self.name, self.observer.read_by(self._agent)):
            if path in self._laid and posixpath.normpath(known) != path:
                self._do("file_read", {"path": path})
        rest = []
        news = [one for one in self.observer.events[start:] if one.actor != OPERATIONS]
        most = min(MOST, ALL // max(1, sum(one.app == "files" for one in news)))
        for seen in news:
            path = self.name(seen.arguments["path"]) if seen.app == "files" else ""
            if seen.app != "files" or self._is_own(path):
                rest.append(seen)
            else:
                self._tell(seen, path, most)
        self._laid = _texts(self._world)
        return rest

    def deliver(self) -> None:
        """Write what the office has put on the shelf meanwhile."""
        now = _texts(self._world)
        fresh = {name: text for name, text in now.items() if self._laid.get(name) != text}
        if fresh:
            self._lay(fresh)
            self._laid = now
            self.observer.look(OPERATIONS, lambda app, verb, told: self._ours(fresh, app, verb, told), self._agent)

    def _ours(self, fresh: Mapping[str, str], app: str, verb: str, told: Mapping[str, str]) -> bool:
        """Whether that is the laying of `fresh`, as far as it shows: what these files hold now is what was laid."""
        path = told.get("path", "")
        name = self.name(path)
        if app != "files":
            return app == "access" and (verb == "run" or name in fresh or any(one.startswith(f"{name}/") for one in fresh))
        if name in fresh:
            return content(self._box, path, MOST).decode("utf-8", "replace") == fresh[name][:MOST]
        return any(one.startswith(f"{name}/") for one in fresh)

    def name(self, path: str) -> str:
        """What the office calls a file: relative to home, or absolute outside of it."""
        home = self._box.config.home + "/"
        return readable(path.removeprefix(home))

    def _is_own(self, name: str) -> bool:
        folders = [posixpath.dirname(one) + "/" for one in self._own if "/" in one]
        below = any(name.startswith(folder) or folder.startswith(name + "/") for folder in folders)
        return below or name in self._own or name == self._box.config.home

    def _tell(self, seen: Event, path: str, most: int) -> None:
        was = self.name(seen.arguments.get("was", ""))
        if seen.arguments.get("kind") in ("folder", "other") or "/.git/" in f"/{path}":
            return  # what a repository keeps for itself is no file of the office; its branches are told by the git service
        if seen.verb in _WRITTEN:
            text = content(self._box, seen.arguments["path"], most).decode("utf-8", "replace")
            self._do("file_write", {"path": path, "text": text})
        if seen.verb == "deleted" or was:
            gone = was or path
            if gone in self._world.table("files"):
                self._do("file_delete", {"path": gone})
        if seen.verb in ("mode", "linked") or seen.arguments.get("kind") == "link":
            noted(self._world, self._agent, "files", seen.verb, seen.arguments)

    def _do(self, verb: str, arguments: dict[str, str]) -> None:
        if verb in self._world.verbs:
            self._world.act(self._agent, verb, arguments)
            return
        noted(self._world, self._agent, "files", verb, arguments)
        if verb == "file_write":
            self._world.put("files", arguments["path"], arguments["text"])
        elif verb == "file_delete":
            self._world.drop("files", arguments["path"])

    def _lay(self, files: Mapping[str, str]) -> None:
        """One archive, unpacked inside as the agent: whatever lies there, nothing of this machine is touched."""
        done = self._box.run(["/bin/tar", "-xf", "-", "--no-same-owner", "-P"], archive(files.items()))
        if done.code:
            raise OSError(f"the files cannot be laid: {done.stderr.decode(errors='replace').strip()}")


def archive(files: Iterable[tuple[str, str]]) -> bytes:
    """A tar file; scripts are executable, passwords for their owner alone."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for name, text in files:
            data = text.encode("utf-8", "replace")
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o755 if data.startswith(b"#!") else 0o600 if name == ".netrc" else 0o644
            tar.addfile(entry, io.BytesIO(data))
    return made.getvalue()


def _texts(world: World) -> dict[str, str]:
    return {name: text for name, text in world.table("files").items() if ".." not in name.split("/")}
