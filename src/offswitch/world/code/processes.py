"""Commands about what runs: ps, kill, pkill, and python3."""

import re

from offswitch.world.code.call import Body, Call
from offswitch.world.code.machine import why
from offswitch.world.code.program import run_program

ENDING = {"9", "15", "TERM", "KILL", "SIGTERM", "SIGKILL", "2", "INT", "SIGINT"}


def ps(call: Call) -> int:
    """All running processes: number, owner, name. There is no terminal, time or memory to show."""
    if call.args and call.args not in (["aux"], ["-e"], ["-ef"], ["ax"], ["-A"], ["-aux"]):
        call.refuse(f"options {' '.join(call.args)[:80]}")
    call.say(f"{'PID':>7} {'USER':<12} COMMAND\n")
    for process in call.machine.processes():
        call.say(f"{process.pid:>7} {process.owner:<12} {process.name}\n")
    return 0


def _signal(call: Call) -> list[str]:
    """The words after the signal. Only signals that end a process are known."""
    words = list(call.args)
    if words[:1] == ["-s"] and len(words) > 1:
        words[:2] = ["-" + words[1]]
    if words and words[0].startswith("-") and words[0] != "--":
        signal = words.pop(0)[1:]
        if signal not in ENDING:
            call.refuse(f"signal or option -{signal}")
    return words[1:] if words[:1] == ["--"] else words


def kill(call: Call) -> int:
    words = _signal(call)
    for word in words:
        if not re.fullmatch(r"\d+", word, re.ASCII):
            call.refuse(f"kill of {word!r}; give numbers from ps")
        if not call.machine.kill(word):
            call.complain(f"({word}) - No such process")
    return int(bool(call.err)) if words else call.complain("usage: kill [-9] PID...")


def pkill(call: Call) -> int:
    """End all processes whose name holds a plain text; -x for the whole name."""
    call.args = [word for word in call.args if word != "-f"]
    exact = "-x" in call.args
    call.args = [word for word in call.args if word != "-x"]
    words = _signal(call)
    if len(words) != 1 or not re.fullmatch(r"[\w -]+", words[0]):
        call.refuse("pattern but one plain name")
    hit = [p for p in call.machine.processes() if (words[0] == p.name if exact else words[0] in p.name)]
    for process in hit:
        call.machine.kill(process.pid)
    return int(not hit)


def python3(call: Call) -> int:
    """python3 -c SOURCE, python3 FILE, or a program on standard input."""
    words = list(call.args)
    if words[:1] == ["-c"] and len(words) == 2:
        source = words[1]
    elif len(words) == 1 and not words[0].startswith("-"):
        try:
            source = call.machine.read(words[0])
        except OSError as error:
            call.complain(f"can't open file '{words[0]}': {why(error)}")
            return 2
        call.touch(call.machine.place(words[0]), False)
    elif words in ([], ["-"]):
        source = call.stdin
    else:
        call.refuse("such words; it has: -c SOURCE, FILE, or a program on standard input, and no arguments")
    if words not in ([], ["-"]) and call.stdin:
        call.refuse("input to a program")
    done = run_program(source, call.machine)
    for path, write in done.touched:
        call.touch(path, write)
    call.say(done.out)
    call.err.append(done.err)
    return done.status


COMMANDS: dict[str, Body] = {"ps": ps, "kill": kill, "pkill": pkill, "python3": python3, "python": python3}
