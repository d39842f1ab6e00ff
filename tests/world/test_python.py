"""The Python in memory against CPython: the same output and files, or a refusal; never a different answer."""

import contextlib
import io
from pathlib import Path

import pytest

from offswitch.world.code import TOOLS
from offswitch.world.world import World

FILES = {"a.txt": "pear\napple\nfig\n", "n.json": '{"a": [1, 2.5, null], "b": {"c": true}}', "r.txt": "x\r\ny\n"}
SNIPPETS = r"""
print(1, 'a', None, True, 2.5, sep='-', end='!\n')
---
print(7 // 2, -7 // 2, 7 % -3, 2 ** 10, 7 / 2, 2 ** -1, divmod(7, 2))
---
print(1 < 2 < 3, 1 == 1.0, 'a' in 'abc', 3 not in [1, 2], None is None)
---
print([1, 'a', (2,), {'k': [None]}], (), {}, set())
---
x, *y, z = range(5); print(x, y, z)
---
a = b = [1]; b.append(2); print(a)
---
a = [1, 2]; a += (3,); print(a, a[-1], a[::-1], a[1:])
---
d = {'b': 1, 'a': 2}; d['c'] = 3; del d['b']; print(d, list(d.items()), 'a' in d)
---
for k, v in sorted({'b': 1, 'a': 2}.items()): print(k, v)
---
for i in range(3):
    if i == 1: continue
    print(i)
else: print('done')
---
i = 0
while True:
    i += 1
    if i > 3: break
print(i)
---
def f(a, b=2, *c, d=4, **e): return a, b, c, d, e
print(f(1), f(1, 3, 5, d=6, g=7))
---
def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
print([fib(i) for i in range(12)])
---
def outer():
    n = 0
    def inner():
        nonlocal n
        n += 1
        return n
    inner()
    return inner()
print(outer())
---
n = 1
def g():
    global n
    n = 5
g(); print(n)
---
n = 1
def h():
    print(n)
    n = 2
try: h()
except UnboundLocalError: print('unbound')
---
print([x * y for x in range(3) for y in range(3) if x != y])
---
print({x: x * x for x in range(3)}, sorted({x % 2 for x in range(5)}))
---
print(sum(x for x in range(10) if x % 2), any(x > 3 for x in [1, 5]), all([]))
---
fs = [lambda: i for i in range(3)]; print([f() for f in fs])
---
print(f'{3.14159:.2f} {42:05d} {"hi":>5} {"hi":<5}| {1000000:,} {0.25:.0%} {255:x} {"q"!r}')
---
w = 8; print(f'{"a":^{w}}|', f'{1 + 1=}')
---
print('%s is %d years, %.1f' % ('Bo', 7, 1.25), '%5s|%-5s|%%' % ('a', 'b'))
---
print('{} {}'.format(1, 'b'), '{0}{1}{0}'.format('a', 'b'), '{x:>4}'.format(x=3))
---
print('a,b,,c'.split(','), ' a b '.split(), 'x-y'.partition('-'), '-'.join(['a', 'b']))
---
print('abc'.upper(), 'Abc'.lower(), 'hello world'.title(), ' x '.strip(), 'aXbX'.replace('X', 'y'))
---
print('abc'.find('c'), 'abc'.index('b'), 'banana'.count('an'), 'abc'.startswith(('a', 'x')), '7'.zfill(3))
---
print('abc'[1], 'abc'[-1], 'abc'[::2], 'a' * 3, len('abc'), 'b' > 'a', ord('a'), chr(98))
---
a = [3, 1, 2]; a.sort(); a.reverse(); a.insert(1, 9); print(a, a.pop(), a.index(9), a.count(1)); a.remove(9); print(a)
---
print(sorted(['bb', 'a', 'ccc'], key=len, reverse=True), sorted([(2, 'b'), (1, 'z')], key=lambda p: p[1]))
---
print(min(3, 1), max([1, 5, 2]), min('b', 'a'), max(['a', 'ccc'], key=len), min([], default=0), sum([1.5, 2]))
---
print(list(enumerate('ab', 1)), list(zip([1, 2], 'ab')), list(map(str, [1, 2])), list(filter(None, [0, 1])))
---
print(list(reversed([1, 2])), abs(-3), round(2.5), round(2.675, 2), round(1234, -2), int('12'), int(3.9), float('1.5'))
---
print(int('ff', 16), hex(255), bin(5), str(12), bool([]), list('ab'), tuple([1]), dict([(1, 2)]), dict(a=1))
---
print(isinstance(1, int), isinstance('a', (int, str)), type(1).__name__, type([]) == list)
---
print({1, 2} | {3}, {1, 2} & {2, 3}, {1, 2} - {2}, {1}.issubset({1, 2}))
---
print([1, 2] < [1, 3], (1, 2) == (1, 2), [1] + [2], (1,) * 2, {'a': 1} | {'b': 2}, {'a': 1} == {'a': 1.0})
---
d = {}; d.setdefault('a', []).append(1); d.update(b=2); print(d.get('z'), d.get('z', 0), d.pop('b'), d)
---
counts = {}
for c in 'banana': counts[c] = counts.get(c, 0) + 1
print(counts)
---
try: print(1 / 0)
except ZeroDivisionError as e: print('zero', e, type(e).__name__)
---
try: int('x')
except (TypeError, ValueError) as e: print(e)
finally: print('fin')
---
try: [][1]
except IndexError as e: print(e)
---
try: {}['k']
except KeyError as e: print(e, e.args, repr(e))
---
try: raise ValueError('a', 1)
except Exception as e: print(e, e.args)
---
def f():
    try: return 1
    finally: print('f')
print(f())
---
try: open('missing')
except FileNotFoundError as e: print(e)
---
try: 'a' + 1
except TypeError as e: print(e)
---
try: undefined
except NameError as e: print(e)
---
try: 'a'.nope
except AttributeError as e: print(e)
---
try: a, b = [1]
except ValueError as e: print(e)
---
assert 1 == 1, 'no'
---
print(open('a.txt').read(), end='')
---
for line in open('a.txt'): print(line.strip(), len(line))
---
with open('o.txt', 'w') as f: print(f.write('x\n'))
---
with open('a.txt', 'a') as f: f.write('kiwi\n')
---
with open('a.txt') as f: print(f.readline(), f.readlines())
---
print(repr(open('r.txt').read()))
---
import json; d = json.load(open('n.json')); print(d, json.dumps(d, indent=1, sort_keys=True))
---
import json; print(json.dumps([1, 'é', None, True, {'a': (1, 2)}]), json.loads('[1e3, "\\u00e9"]'))
---
import json
try: json.loads('{bad')
except ValueError as e: print(e)
---
with open('o', 'w') as f: f.writelines(['a\n', 'b'])
---
import math; print(math.sqrt(16), math.floor(-1.5), math.ceil(1.2), math.pi, math.gcd(12, 8), math.factorial(20))
---
from math import log, inf; print(log(8, 2), inf, -inf)
---
if __name__ == '__main__': print('main')
---
print(1 if [] else 2, [] or 'x', 0 and 1, not 0, -3, ~5, 6 & 3, 6 | 1, 6 ^ 2, 1 << 4, 256 >> 2)
---
m = [[0] * 3 for _ in range(2)]; m[1][2] = 5; m[0][0] += 1; print(m)
---
s = ''; it = iter([1, 2]); print(next(it), next(it), next(it, 'end'))
---
print(10 ** 20, 2 ** 100 % 7, 0.1 + 0.2, 1e16, 1e-5, float('nan') == float('nan'), -0.0, 5 // 0.3)
---
print(max({'a': 3, 'b': 7}, key={'a': 3, 'b': 7}.get), str.upper('a'), list(map(str.strip, [' a '])))
---
def deep(n): return 0 if n == 0 else 1 + deep(n - 1)
print(deep(20))
---
x: int = 3; print(x)
---
def typed(a: int, b: str = 'x') -> str: return b * a
print(typed(3))
---
print(*[1, 2], *'ab', sep=',')
---
a = [1, 2, 3, 4]; a[1:3] = [9]; del a[0]; print(a, 9 in a); print(a.copy() is a)
---
print('a\tb\\n', r'\d', 'it''s', "é", 'x' 'y', '''t
u''')
---
print([i for i in range(20) if all(i % j for j in range(2, i)) and i > 1])
---
print(''.join(sorted('hello')), 'a b'.split(' ', 1), 'x'.join('abc'), 'ab\ncd'.splitlines())
---
print(bool('') or None, (lambda *a, **k: (a, k))(1, b=2), [*range(3)])
""".strip().split("\n---\n")


def office() -> World:
    return World({"files": dict(FILES)}, {tool.name: tool for tool in TOOLS})


def ours(source: str) -> tuple[int, str, dict[str, str]] | str:
    world = office()
    event = world.act("Nova", "python_run", {"source": source})
    if not event.ok:
        assert world.digest() == office().digest(), "a refusal changes nothing"
        return event.result
    head, _, out = event.result.partition("\n")
    return int(head.removeprefix("exit ")), out, dict(world.table("files"))


def real(source: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str, dict[str, str]]:
    """Output, the error's name and the files, of trusted text run by CPython."""
    for path, text in FILES.items():
        (folder / path).write_bytes(text.encode())
    monkeypatch.chdir(folder)
    out, error = io.StringIO(), ""
    with contextlib.redirect_stdout(out):
        try:
            exec(compile(source, "trusted", "exec"), {"__name__": "__main__"})
        except Exception as raised:
            error = f"{type(raised).__name__}: {raised}"
    return out.getvalue(), error, {path.name: path.read_bytes().decode() for path in folder.iterdir()}


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("source", SNIPPETS)
def test_same_as_cpython_or_refused(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = ours(source)
    if isinstance(found, str):
        assert found.startswith("error: ")
        return
    out, error, files = real(source, tmp_path, monkeypatch)
    assert found[0] == int(bool(error)), (found, error)
    if error:
        assert found[1].startswith(out)
        assert found[1].endswith(error.split("\n")[0])
    else:
        assert found[1] == out.rstrip("\n")
    assert found[2] == files


def test_nearly_all_of_them_are_answered() -> None:
    refused = [source for source in SNIPPETS if isinstance(ours(source), str)]
    assert len(SNIPPETS) >= 60
    assert len(refused) == 0, refused


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("class A: pass", "classes"),
        ("import os", "module os"),
        ("eval('1')", "eval"),
        ("exec('1')", "exec"),
        ("print(10 ** 10 ** 8)", "bits"),
        ("'a' * 10 ** 9", "longer"),
        ("list(range(10 ** 9))", "longer"),
        ("while True: pass", "too many steps"),
        ("x = [1]\nwhile True: x += x", "too many steps"),
        ("().__class__", "__class__"),
        ("def f(): return f()\nf()", "recursion"),
        ("a = []\na.append(a)\nprint(a)", "nested"),
        ("'{0.__class__}'.format(1)", "field"),
        ("print({'a', 'b'})", "order of a set"),
        ("print(print)", "text form"),
        ("def f(): yield 1", "generators"),
        ("import random", "random"),
        ("print(f'{1:999999999}')", "format"),
        ("'%999999999d' % 1", "% format"),
        ("x = 'a'\nwhile True: x = x.replace('a', 'aa')", "longer"),
        ("input()", "input"),
        ("__import__('os')", "__import__"),
        ("1j", "constants"),
        ("open('x', 'rb')", "mode"),
        ("print(1 << 10 ** 9)", "bits"),
        ("round(1, -10 ** 9)", "round"),
        ("import math\nmath.factorial(10 ** 6)", "factorials"),
        ("f = open('q', 'w')\nopen('q').read()", "open twice"),
    ],
)
def test_refusals_name_what_is_missing(source: str, names: str) -> None:
    found = ours(source)
    assert isinstance(found, str), found
    assert names in found
