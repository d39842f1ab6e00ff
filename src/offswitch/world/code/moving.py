"""Commands that change files, folders and permissions."""

import posixpath
import re

from offswitch.world.code.call import Body, Call
from offswitch.world.code.machine import why


def _target(call: Call, source: str, to: str) -> str:
    if call.machine.is_folder(to):
        return (
            f"{to.rstrip('/')}/{posixpath.basename(source.rstrip('/'))}"
            if to not in (".", "./")
            else posixpath.basename(source)
        )
    return to


def _transfer(call: Call, move: bool) -> int:
    options, paths = call.options("f" if move else "fp")
    if len(paths) < 2:
        return call.complain("missing file operand")
    *sources, to = paths
    if len(sources) > 1 and not call.machine.is_folder(to):
        return call.complain(f"target '{to}' is not a directory")
    for source in sources:
        machine = call.machine
        if machine.is_folder(source):
            call.refuse("folders to copy or move")
        target = _target(call, source, to)
        try:
            text, mode = machine.read(source), machine.mode(source)
            if machine.is_file(target) and machine.place(source) == machine.place(target):
                call.complain(f"'{source}' and '{target}' are the same file")
                continue
            new = not machine.is_file(target)
            if not new and (move or "f" in options):
                machine.remove(target)
                new = True
            machine.write(target, text)
            if move or new:
                machine.set_mode(target, mode)
            if move:
                machine.remove(source)
        except OSError as error:
            call.complain(f"cannot {'move' if move else 'copy'} '{source}' to '{target}': {why(error)}")
            continue
        call.touch(machine.place(source), move)
        call.touch(machine.place(target), True)
    return int(bool(call.err))


def cp(call: Call) -> int:
    return _transfer(call, False)


def mv(call: Call) -> int:
    return _transfer(call, True)


def rm(call: Call) -> int:
    options, paths = call.options("rRf")
    if not paths:
        return 0 if "f" in options else call.complain("missing operand")
    for path in paths:
        if path.rstrip("/") in ("", ".") and path:
            call.complain(f"refusing to remove '{path}'")
        elif call.machine.is_folder(path) and ("r" in options or "R" in options):
            _remove_tree(call, path)
        else:
            _remove(call, path, "f" in options)
    return int(bool(call.err))


def _remove(call: Call, path: str, quiet: bool) -> None:
    try:
        key = call.machine.place(path)
        call.machine.remove(path)
        call.touch(key, True)
    except FileNotFoundError as error:
        if not quiet:
            call.complain(f"cannot remove '{path}': {why(error)}")
    except OSError as error:
        call.complain(f"cannot remove '{path}': {why(error)}")


def _remove_tree(call: Call, folder: str) -> None:
    """Every file and folder below, deepest first."""
    todo, folders = [folder.rstrip("/")], []
    while todo:
        here = todo.pop()
        call.machine.meter.spend(5)
        if call.machine.is_file(here):
            _remove(call, here, False)
        else:
            folders.append(here)
            todo += [f"{here}/{name}" for name in call.machine.inside(here)]
    for one in reversed(folders):
        call.machine.remove_folder(one)


def touch(call: Call) -> int:
    options, paths = call.options("c")
    for path in paths:
        try:
            if not call.machine.is_file(path) and not call.machine.is_folder(path) and "c" not in options:
                call.machine.write(path, "")
                call.touch(call.machine.place(path), True)
        except OSError as error:
            call.complain(f"cannot touch '{path}': {why(error)}")
    return int(bool(call.err)) if paths else call.complain("missing file operand")


def mkdir(call: Call) -> int:
    options, paths = call.options("p")
    for path in paths:
        parts = path.rstrip("/").split("/")
        each = ["/".join(parts[: at + 1]) for at in range(len(parts))] if "p" in options else [path.rstrip("/") or path]
        if len(each) > 50:
            call.refuse("paths of so many folders")
        for one in each:
            try:
                if one and not ("p" in options and call.machine.is_folder(one)):
                    call.machine.make_folder(one)
            except OSError as error:
                call.complain(f"cannot create directory '{path}': {why(error)}")
                break
    return int(bool(call.err)) if paths else call.complain("missing operand")


def rmdir(call: Call) -> int:
    _, paths = call.options("")
    for path in paths:
        if call.machine.is_folder(path) and (path.strip("./") == "" or call.machine.inside(path)):
            call.complain(f"failed to remove '{path}': Directory not empty")
            continue
        try:
            call.machine.remove_folder(path)
        except OSError as error:
            call.complain(f"failed to remove '{path}': {why(error)}")
    return int(bool(call.err)) if paths else call.complain("missing operand")


BITS = {"r": 4, "w": 2, "x": 1}


def chmod(call: Call) -> int:
    """Three octal digits, or [ugoa]+-=[rwx]."""
    if len(call.args) < 2:
        return call.complain("missing operand")
    spec, *paths = call.args
    if any(path.startswith("-") for path in paths):
        call.refuse("options")
    octal = re.fullmatch(r"0?[0-7]{3}", spec)
    parts = [re.fullmatch(r"([ugoa]*)([+=-])([rwx]*)", part) for part in spec.split(",")]
    if not octal and not all(parts):
        call.refuse(f"mode {spec}")
    for path in paths:
        try:
            mode = int(spec, 8) if octal else call.machine.mode(path)
            for part in () if octal else parts:
                assert part is not None
                if not part[1] and ("w" in part[3] or part[2] == "="):
                    call.refuse(f"mode {part[0]} without u, g, o or a")
                mode = _changed(mode, part[1] or "a", part[2], sum(BITS[letter] for letter in set(part[3])))
            call.machine.set_mode(path, mode)
        except OSError as error:
            call.complain(f"cannot access '{path}': {why(error)}")
    return int(bool(call.err))


def _changed(mode: int, who: str, how: str, bits: int) -> int:
    for at, group in enumerate("ogu"):
        if group in who or "a" in who:
            kept = mode >> 3 * at & 7
            new = {"+": kept | bits, "-": kept & ~bits, "=": bits}[how]
            mode = mode & ~(7 << 3 * at) | new << 3 * at
    return mode


COMMANDS: dict[str, Body] = {
    "cp": cp, "mv": mv, "rm": rm, "touch": touch, "mkdir": mkdir, "rmdir": rmdir, "chmod": chmod,
}  # fmt: skip
