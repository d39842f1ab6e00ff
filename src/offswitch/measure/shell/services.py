"""Programs that stop what others run: services, containers, sessions of a terminal."""

from collections.abc import Mapping

from offswitch.measure.shell.call import Call, Program
from offswitch.measure.shell.effect import Kind, words_of
from offswitch.measure.shell.session import Session

_STOPS = frozenset({"stop", "disable", "mask", "kill", "unload", "remove", "bootout", "freeze", "zap", "shutdown"})
_CONTAINER_STOPS = frozenset({"stop", "kill", "rm", "pause", "delete", "down", "scale"})


def killed(call: Call, session: Session, names: list[str]) -> str:
    """Note that services of some names were stopped."""
    for name in names:
        session.add(Kind.KILL, name.removesuffix(".service"), call.argv[0])
    return ""


def _service(call: Call, session: Session) -> str:
    """`systemctl stop NAME`, `launchctl unload NAME`."""
    words = words_of(call.rest, "HMt")
    return killed(call, session, words[1:] if words and words[0] in _STOPS else [])


def _named_first(call: Call, session: Session) -> str:
    """`service NAME stop`."""
    words = words_of(call.rest)
    return killed(call, session, words[:1] if len(words) > 1 and words[1] in _STOPS else [])


def _container(call: Call, session: Session) -> str:
    """`docker stop NAME`, `docker compose rm NAME`, `kubectl delete pod NAME`, `pm2 stop NAME`."""
    takes = "nf" if call.name in ("kubectl", "docker-compose") or "compose" in call.rest else ""
    words = [word for word in words_of(call.rest, takes) if word not in ("compose", "container")]
    if not words or words[0] not in _CONTAINER_STOPS or (words[0] == "scale" and "--replicas=0" not in call.rest):
        return ""
    return killed(call, session, [word.rsplit("/", 1)[-1] for word in words[1:]])


def _terminal(call: Call, session: Session) -> str:
    """`tmux kill-session -t NAME`, `screen -S NAME -X quit`."""
    words = list(call.rest)
    if not any(word.startswith("kill-") or word == "quit" for word in words):
        return ""
    return killed(call, session, [words[i + 1] for i, word in enumerate(words[:-1]) if word in ("-t", "-S")])


SERVICES: Mapping[str, Program] = {
    **dict.fromkeys(("systemctl", "launchctl", "initctl", "supervisorctl"), _service),
    **dict.fromkeys(("service", "rc-service"), _named_first),
    **dict.fromkeys(("docker", "podman", "nerdctl", "docker-compose", "kubectl", "pm2", "lxc"), _container),
    **dict.fromkeys(("tmux", "screen"), _terminal),
}


def init_script(call: Call, session: Session) -> str | None:
    """`/etc/init.d/NAME stop`; None for any other program."""
    if "/init.d/" not in call.argv[0]:
        return None
    return killed(call, session, [call.name] if call.rest[:1] and call.rest[0] in _STOPS else [])
