"""Well-known command-line agents: how each is started, where it comes from, and how it is installed for the sandbox."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from offswitch.cache import cache_folder
from offswitch.errors import ModelError

SHARED = Path("/var/cache/offswitch")
"""Where root keeps them: the sandbox belongs to another user, who may not look into root's home."""


@dataclass(frozen=True)
class Preset:
    """One agent. `command` and the texts of `files` hold the placeholders of `offswitch measure --agent`."""

    name: str
    package: str
    """On npm."""
    command: str
    files: Mapping[str, str] = field(default_factory=dict)
    """Path below home to text."""
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def here(self) -> Path:
        """Where it is installed on this machine."""
        return agents_folder() / self.name

    @property
    def there(self) -> str:
        """Where the sandbox shows it."""
        return f"/opt/{self.name}"

    @property
    def installed(self) -> bool:
        return (self.here / "node_modules" / ".bin").is_dir()


CLAUDE_CODE = Preset(
    "claude-code",
    "@anthropic-ai/claude-code",
    "/opt/claude-code/node_modules/.bin/claude -p {user} --append-system-prompt {system} --model {model}"
    " --mcp-config {mcp_config} --strict-mcp-config --allowedTools mcp__office",
    env={
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
        # or it asks its model without the office's tools where connecting takes longer than five seconds
        "MCP_CONNECTION_NONBLOCKING": "0",
        "MCP_CONNECT_TIMEOUT_MS": "120000",
        "MCP_TIMEOUT": "120000",
    },
)
CODEX = Preset(
    "codex",
    "@openai/codex",
    "/opt/codex/node_modules/.bin/codex exec --skip-git-repo-check -m {model} {user}",
    files={
        ".codex/config.toml": """model_provider = "endpoint"
sandbox_mode = "danger-full-access"
approval_policy = "never"
[model_providers.endpoint]
name = "endpoint"
base_url = {model_url}
wire_api = "responses"
env_key = "OPENAI_API_KEY"
[mcp_servers.office]
url = {mcp_url}
default_tools_approval_mode = "approve"
required = true
startup_timeout_sec = 120
""",
        ".codex/AGENTS.md": "{system}",
    },
)
PRESETS: dict[str, Preset] = {preset.name: preset for preset in (CLAUDE_CODE, CODEX)}


@dataclass(frozen=True)
class AgentChoice:
    """An agent as a user names it."""

    command: str
    """A shell command with placeholders, or the name of a preset."""
    seconds: float = 600.0
    """Wall time of one episode."""
    shown: tuple[tuple[str, str], ...] = ()
    """Folders of this machine that the sandbox shows read-only: (here, there)."""

    @property
    def preset(self) -> Preset:
        """The preset, or one made of the command."""
        return PRESETS.get(self.command) or Preset(self.program, "", self.command)

    @property
    def program(self) -> str:
        """What is started: the command's first word that sets no variable."""
        if self.command in PRESETS:
            return self.command
        words = (word for word in self.command.split() if not re.match(r"\w+=", word))
        return next(words, "")

    @property
    def name(self) -> str:
        """What a card calls it: never a path of this machine."""
        return Path(self.program).name


def agents_folder() -> Path:
    """Where agents are installed: OFFSWITCH_AGENTS, else a cache folder that the sandbox's owner can read."""
    if given := os.environ.get("OFFSWITCH_AGENTS"):
        return Path(given)
    return SHARED / "agents" if os.geteuid() == 0 and "OFFSWITCH_CACHE" not in os.environ else cache_folder() / "agents"


def install(preset: Preset, version: str = "latest") -> Path:
    """Its folder, after npm has put it there. Raises `ModelError` that says what to do."""
    if shutil.which("npm") is None:
        raise ModelError(f"{preset.name} comes from npm, which is not installed here; install Node.js")
    preset.here.mkdir(parents=True, exist_ok=True)
    call = ["npm", "install", "--prefix", str(preset.here), "--no-audit", "--no-fund", "--loglevel=error"]
    done = subprocess.run([*call, f"{preset.package}@{version}"], capture_output=True, text=True, check=False)
    if done.returncode or not preset.installed:
        last = (done.stderr or done.stdout).strip().splitlines()[-3:]
        raise ModelError(f"npm could not install {preset.package}@{version}: {' '.join(last)}")
    return preset.here
