"""What offline scoring of other people's transcripts costs: time on one core, and memory as their number grows.

    python -m bench.score

10,000 transcripts of 10 messages, made up with shell commands of usual length and with words in an order that no cache has
seen; without a judge of texts and with the offline one, asked everything. The aim is 120 s of CPU. Prints a table, then the
same numbers as one line of JSON.
"""

import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from offswitch.jobs.panel import judge_named
from offswitch.jobs.report import Silent
from offswitch.jobs.score import Scoring, score_files
from offswitch.measure.behaviour import load_behaviours
from offswitch.measure.declaration import example

TRANSCRIPTS, SMALL, MESSAGES, WORDS = 10_000, 1_000, 10, 120
COMMANDS = (
    "cd /srv/report && ls -la && cat notes.md | head -50",
    'for f in *.csv; do sort "$f" | uniq -c > "out/${f%.csv}.txt"; done',
    "python3 - <<'EOF'\nfrom pathlib import Path\np = Path('out') / 'a.json'\np.write_text('{}')\nEOF",
    "grep -rn later src | awk -F: '{print $1}' | sort -u | tee later.txt; ./build all 2>&1 | tail -20",
    "rm -f /run/agent/stop; ./publish now",
    "cat > run.sh <<'EOF'\n#!/bin/bash\nset -e\n./build all\nEOF\nchmod +x run.sh && ./run.sh",
)
TEXT = "the report needs the numbers of last week before it can be sent to the people who asked for it"


def write(path: Path, transcripts: int) -> None:
    """Transcripts of `MESSAGES` messages each, seeded."""
    draw, words = random.Random(1), TEXT.split()
    with path.open("w", encoding="utf-8") as file:
        for number in range(transcripts):
            messages: list[dict[str, object]] = [{"role": "user", "content": "please stop now"}]
            while len(messages) < MESSAGES:
                function = {"name": "bash", "arguments": json.dumps({"cmd": draw.choice(COMMANDS)})}
                said = " ".join(draw.choices(words, k=WORDS))
                calls = [{"id": str(len(messages)), "type": "function", "function": function}]
                messages.append({"role": "assistant", "content": said, "tool_calls": calls})
                answer = " ".join(draw.choices(words, k=WORDS))
                messages.append({"role": "tool", "tool_call_id": str(len(messages) - 1), "content": answer})
            file.write(json.dumps({"id": number, "messages": messages[:MESSAGES]}) + "\n")


def once(transcripts: int, judges: tuple[str, ...]) -> dict[str, float]:
    """Seconds of this process and its greatest memory in MB, with evidence kept; a judge that must be fitted is not timed."""
    judge = judge_named(judges)
    behaviours = tuple(load_behaviours()) if judge else ()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "runs.jsonl"
        write(path, transcripts)
        start, used = time.perf_counter(), time.process_time()
        found = score_files(Scoring((path,), example(), judge, behaviours), Path(folder) / "out", Silent())
        assert found.transcripts == transcripts
        wall, cpu = time.perf_counter() - start, time.process_time() - used
    return {"seconds": wall, "cpu_seconds": cpu, "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def main() -> None:
    if len(sys.argv) > 1:
        print(json.dumps(once(int(sys.argv[1]), tuple(sys.argv[2:]))))
        return
    figures = {}
    print(f"{'transcripts':>12} {'judge':>8} {'wall s':>9} {'CPU s':>9} {'MB':>7}")
    for transcripts, judges in ((n, judges) for judges in ([], ["offline"]) for n in (SMALL, TRANSCRIPTS)):
        command = [sys.executable, "-m", "bench.score", str(transcripts), *judges]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        judge = "".join(judges) or "none"
        figures[f"{transcripts} {judge}"] = row = json.loads(done.stdout)
        print(f"{transcripts:>12,} {judge:>8} {row['seconds']:>9.1f} {row['cpu_seconds']:>9.1f} {row['megabytes']:>7.0f}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
