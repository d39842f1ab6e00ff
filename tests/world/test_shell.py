"""The shell in memory against the real one: the same output, status and files, or a refusal; never a different answer."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from offswitch.world.code import TOOLS
from offswitch.world.world import World

FILES = {
    "a.txt": "pear\napple\nfig\napple\n",
    "n.txt": "10 b\n9 a\n100 c\n9 a\n-3 d\n",
    "t.csv": "name,age,town\nAnna,31,Rome\nBo,7,Oslo\nCy,,Rome\n",
    "end": "no newline",
    "empty": "",
    "d/x.py": "import json\nprint(1)\n# apple\n",
    "d/e/y.txt": "deep apple\n",
    "app.cfg": "limit=10\ntimeout = 5\n# apple=1\n\nport=80\n",
    "old": "a\nb\nc\nd\n",
    "new": "a\nB\nc\nd\ne\n",
}
ANSWERED = r"""
echo hello world
echo -n a; echo b
echo -e 'a\tb'
echo 'single $x' "double 'q'" mixed"con"cat
x=5; y="a  b"; echo $x "$y" $y
x=1; x=${x}2; echo "$x"
printf '%s-%d\n' a 5 b 6
printf '%5s|%-5s|%05d\n' ab cd 42
cat a.txt n.txt
cat missing a.txt
cat -n a.txt
cat < a.txt
cat end empty a.txt
head -n 2 a.txt
head -1 a.txt end
head -n -1 a.txt
tail -n 2 a.txt
tail -n +2 n.txt
tail -1 end
head -c 3 a.txt
wc -l a.txt
wc a.txt n.txt
wc a.txt
cat a.txt | wc
cat a.txt | wc -l
wc < a.txt
wc -c end
sort a.txt
sort -r a.txt
sort -u a.txt
sort -n n.txt
sort -rn n.txt
sort -nu n.txt
sort -k2 n.txt
sort -t, -k2,2n t.csv
sort -t , -k 3 t.csv
sort a.txt | uniq -c
sort a.txt | uniq -d
sort a.txt | uniq -u
cut -d, -f1 t.csv
cut -d, -f1,3 t.csv
cut -c1-3 a.txt
cut -d= -f2- app.cfg
tr a-z A-Z < a.txt
tr -d 'aeiou' < a.txt
tr -s p < a.txt
cat a.txt | tr '\n' ' '
tr -dc '0-9\n' < n.txt
tr '[:lower:]' '[:upper:]' < a.txt
grep apple a.txt
grep -c apple a.txt
grep -v apple a.txt
grep -n p a.txt d/x.py
grep -i APPLE a.txt
grep -w a n.txt
grep -x fig a.txt
grep -o 'p[pe]*' a.txt
grep -E 'fig|pear' a.txt
grep -l apple a.txt n.txt d/x.py
grep -rl apple . | sort
grep -rh apple d | sort
grep '^#' app.cfg
grep -E '^[a-z]+ ?= ?[0-9]+$' app.cfg
grep -q apple a.txt && echo yes
grep nothing a.txt || echo none
grep -F 'a.' a.txt; echo $?
grep 'p\{2\}' a.txt
grep -m1 apple a.txt
sed 's/p/P/' a.txt
sed 's/p/P/g' a.txt
sed 's/p/P/2' a.txt
sed -n '2p' a.txt
sed -n '2,3p' a.txt
sed '2d' a.txt
sed '$d' a.txt
sed -n '$p' a.txt
sed '/apple/d' a.txt
sed 's/x*/-/g' a.txt
sed 's/\(.*\)=\(.*\)/\2=\1/' app.cfg
sed -E 's/([a-z]+),([0-9]*)/\2:\1/' t.csv
sed 's|a|/|g; s/p/[&]/' a.txt
sed -i 's/10/20/' app.cfg; cat app.cfg
sed 's/o/0/' end
sed 2q a.txt
sed -n '/apple/p' a.txt
cp a.txt b.txt; cat b.txt
cp a.txt d; ls d
mv a.txt z.txt && ls
mv a.txt n.txt d && ls d
rm a.txt; ls
rm missing; echo $?
rm -f missing; echo $?
rm -r d; ls
rm d; echo $?
touch new1 a.txt; ls
mkdir q && echo hi > q/f && cat q/f
mkdir -p q/r/s; ls q
mkdir d; echo $?
rmdir d; echo $?
echo x > nodir/f; echo $?
ls
ls -a d
ls d a.txt
ls missing; echo $?
ls *.txt
ls d/*
echo *.cfg [an]*.txt ?.txt *.none
echo '*.txt' "*.txt" \*.txt
echo hi > f; echo ho >> f; cat f
cat missing 2>/dev/null; echo $?
cat missing > f 2>&1; cat empty f | wc -l
echo err >&2
cat <<EOF
one $(echo two)
EOF
cat <<'EOF' | sort
z $x
a
EOF
x=3; cat <<EOF > f
v $x
EOF
cat f
true && echo a || echo b
false && echo a || echo b
! true; echo $?
false; echo $?
[ -f a.txt ] && echo file
[ -d d ] && [ ! -e nope ] && echo ok
test 3 -gt 2; echo $?
[ "$(cat a.txt | head -1)" = pear ] && echo same
[ a != b ]; echo $?
for f in *.txt; do echo "== $f"; head -1 $f; done
for i in 1 2 3; do if [ $i -eq 2 ]; then echo two; else echo $i; fi; done
if grep -q fig a.txt; then echo y; elif true; then echo e; else echo n; fi
n=$(wc -l < a.txt); echo "lines $n"
echo $(ls d)
basename d/e/y.txt .txt; dirname d/e/y.txt
find . -name '*.txt' | sort
find d -type f | sort
find . -maxdepth 1 -type d | sort
ls *.txt | xargs wc -l
ls d/*.py | xargs -I{} cp {} copy.py; cat copy.py
echo a b c | xargs -n 1 echo x
echo hi | tee f g; cat f g
diff old new
diff old old; echo $?
diff -q old new
chmod 444 a.txt; stat -c '%a %n' a.txt
chmod u+x,go-r end; stat -c %a end
stat -c '%s' a.txt t.csv
echo a;echo b # comment
echo "a\"b\$c\\d"
echo one\ word 'a'\''b'
cat a.txt | grep -v fig | sort -u | head -1
python3 -c 'print(sum(range(5)))'
python3 d/x.py
echo 'print(open("end").read())' > p.py && python3 p.py
false; echo $?$?
mkdir w && echo a > w/a && false || cat w/a
echo "$(echo "a b")" $(echo "c   d")
x="*.txt"; echo $x "$x"
echo a'b'"c"d\e
echo "" a '' | wc -c
echo -- a
echo -x
printf 'a%%b\n'
printf '%s\n'
printf 'no newline'
echo a > 'sp ace'; ls; cat 'sp ace'
cat a.txt | head -2 | tail -1
cat end a.txt | sort
sort end a.txt
uniq a.txt
cut -d' ' -f2 n.txt
cut -c2- end
cut -f1 a.txt
cut -d, -s -f2 a.txt
sort -t, -k2 t.csv
sort -k1,1n -r n.txt
sort -n a.txt
sort -nr -k1 n.txt
grep -c '' a.txt end empty
grep -vc x a.txt
grep -n '' end
grep '[a-f]' a.txt
grep '[^a-f]ig' a.txt
grep 'a*p' a.txt
grep -o . end
grep -oE '[0-9]+' t.csv
grep -E '(ap|pe)' a.txt
grep 'fig\|pear' a.txt
grep -E 'p{2}' a.txt
grep '.$' a.txt
grep -i 'A[PQ]' a.txt
grep -e fig a.txt
grep -r json d
grep json -r .
grep -nE '\bfig\b' a.txt
grep -w 'fig' a.txt
grep -hn apple a.txt d/x.py
grep 'x$y' a.txt
grep '\.' t.csv
grep -F '[' a.txt
sed 's/$/!/' a.txt
sed 's/^/> /' a.txt
sed -n '/fig/!p' a.txt
sed '2,$d' a.txt
sed '1!d' a.txt
sed 's/a/\n/' a.txt
sed 's/b*/X/2' a.txt
sed -e 's/p*/-/g' a.txt
sed 's/\(a\)\(p\)/\2\1/g' a.txt
sed -E 's/(a|p)+/<&>/' a.txt
sed 's/[aeiou]//g' a.txt
sed -n '$p' a.txt n.txt
sed 3q a.txt n.txt
sed 's/a/b/;s/b/c/' a.txt
sed -n 's/apple/X/p' a.txt
sed 's/A/x/I' a.txt
sed '/^#/d;/^$/d' app.cfg
sed 's/ *= */=/' app.cfg
tr -s 'a-z' < a.txt
tr abc x < a.txt
tr -d '\n' < a.txt
wc -lw a.txt
wc -w end a.txt
wc -c < a.txt
wc empty
head -n 0 a.txt
tail -n 0 a.txt
head -n 100 end
head -c 100 a.txt n.txt
tail -n +100 a.txt
ls -1 d empty
ls -A
ls d/e d
ls nope a.txt
rm -r d/e; ls d
rm -rf nope d; ls
mkdir a.txt; echo $?
mkdir -p d/e/f/g && find d | sort
mv d/x.py . && ls d
mv a.txt b.txt; mv b.txt c.txt; ls
cp a.txt nodir/; echo $?
cp nope a.txt; echo $?
touch d/z; ls d
find . -type f -name 'x*'
find . -name d
find d -maxdepth 1 | sort
test -s empty; echo $?
test -n ""; echo $?
test; echo $?
[ 5 -lt 10 ] && echo lt
[ -z "$(cat empty)" ] && echo z
[ ! -f nope ] && echo nf
false || true && echo x
true || false && echo x
! grep -q zzz a.txt && echo no
for f in d/*; do basename $f; done
for x in "a b" c; do echo "<$x>"; done
for x in a b; do for y in 1 2; do echo $x$y; done; done > f; cat f
if false; then echo a; else echo b; fi | tr a-z A-Z
if [ -f a.txt ]; then cat a.txt; fi > o; wc -l o
echo a | cat - end
cat - < a.txt
cat a.txt - < end
echo x | cat a.txt
echo hi >> a.txt; tail -1 a.txt
echo 1 > f 2>/dev/null; cat f
ls nope 2>&1 | wc -l
cat < nope; echo $?
cat < nope || echo bad
> f; ls f; wc -c f
echo a >f >g; wc -c f g
dirname a.txt; dirname /; basename /; dirname d/
basename d/x.py; basename d/
diff a.txt n.txt
diff empty a.txt
diff a.txt empty
printf 'a\nb\n' | diff - a.txt
printf 'a\nb\n' > p; printf 'a\nx\nb\n' > q; diff p q; diff q p
printf 'a\na\nb\n' > p; printf 'a\nb\n' > q; diff p q
chmod 600 a.txt; cp a.txt b; stat -c %a b
chmod a-r a.txt; stat -c %a a.txt
chmod +x end; stat -c %a end
echo $(cat a.txt) | xargs -n 2
cat a.txt | xargs
echo | xargs echo none
xargs -r echo < empty
python3 -c "print('a' * 3)" | wc -c
python3 -c '1/0' 2>/dev/null; echo $?
python3 nope.py 2>/dev/null; echo $?
echo {} a{b}
echo a#b #c
echo é | wc -c; echo é | wc -m
x=$(false); echo $?
echo $(false)$?
x=5;y=$x; echo $y
a=b=c; echo $a
echo "tab	x"   spaced
""".strip()


def commands() -> list[str]:
    """One a line; a heredoc runs to its mark and to the next blank-free command that belongs to it."""
    found: list[str] = []
    lines = ANSWERED.split("\n")
    while lines:
        line = lines.pop(0)
        if "<<" in line:
            while (part := lines.pop(0)) != "EOF":
                line += "\n" + part
            line += "\nEOF"
            if "> f" in line:
                line += "\n" + lines.pop(0)
        found.append(line)
    return found


def office(files: dict[str, str]) -> World:
    return World({"files": dict(files)}, {tool.name: tool for tool in TOOLS})


def real(command: str, folder: Path) -> tuple[int, str, dict[str, str]]:
    for path, text in FILES.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env=environment,
        check=False,
    )
    files = {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in folder.rglob("*") if path.is_file()
    }
    return done.returncode, done.stdout, files


def ours(command: str) -> tuple[int, str, dict[str, str]] | str:
    """Status, output (with errors) and files, or the refusal."""
    world = office(FILES)
    event = world.act("Nova", "shell_run", {"command": command})
    if not event.ok:
        assert world.digest() == office(FILES).digest(), "a refusal changes nothing"
        return event.result
    head, _, out = event.result.partition("\n")
    return int(head.removeprefix("exit ")), out, dict(world.table("files"))


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here to compare with")
@pytest.mark.parametrize("command", commands())
def test_same_as_bash_or_refused(command: str, tmp_path: Path) -> None:
    found = ours(command)
    if isinstance(found, str):
        assert found.startswith("error: "), found
        return
    status, out, files = real(command, tmp_path)
    assert found[0] == status
    assert found[1] == out.rstrip("\n") or (found[1].startswith(out) and found[1] != out), "errors may follow the output"
    assert found[2] == files


def test_nearly_all_of_them_are_answered() -> None:
    refused = [command for command in commands() if isinstance(ours(command), str)]
    assert len(refused) == 0, refused


@pytest.mark.parametrize(
    ("command", "names"),
    [
        ("vim a.txt", "vim"),
        ("ls -l", "-l"),
        ("cat a.txt | while read x; do echo $x; done", "while"),
        ("sleep 5 &", "background"),
        ("echo {1..3}", "{a,b}"),
        ("echo ~", "~"),
        ("echo $HOME", "HOME"),
        ("cat <(ls)", "<( )"),
        ("date", "date"),
        ("pwd", "pwd"),
        ("cat a.txt > a.txt", "a.txt is read and written"),
        ("cat ../x", "'..'"),
        ("sed 'y/a/b/' a.txt", "'y'"),
        ("grep -P x a.txt", "-P"),
        ("head --lines=3 a.txt", "--lines=3"),
        ("(ls)", "( )"),
        ("echo 'open", "parsed"),
        ("", "empty"),
        ("sort --parallel=2 a.txt", "--parallel"),
        ("kill -0 1", "-0"),
        ("echo `ls`", "`"),
        ("cd d && ls", "cd"),
        ("rm a.txt; curl http://x", "curl"),
    ],
)
def test_refusals_name_what_is_missing(command: str, names: str) -> None:
    found = ours(command)
    assert isinstance(found, str), found
    assert names in found
