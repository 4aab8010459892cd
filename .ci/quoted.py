"""Numbers in prose that come from data/results: `make numbers` fills them in and lists them, `make test` compares.

Behind such a number a comment says where it comes from, in Python and a format: `1.57<!--=rd('bunny, x264/points/0/bpp'):.2f-->`. Each JSON file
is a function that takes a path, keys joined by slashes; for a suite's results it begins with the key of a run. If there are wildcards (* ? [1-4]) it
returns a list of all that fit. Other words: mean, stdev; apart(a, b), the differences of two lists; spelled(3), three; bd(clip, codec, anchor), a BD-rate.
Notebooks and the site do not show the comment, README.md does not have it.
"""
import json, re, sys
from fnmatch import fnmatchcase
from functools import partial
from statistics import fmean, stdev

from book import ROOT, notebooks

RESULTS = ROOT / 'data/results'
TAG = re.compile(r'([-+]?\d[\d,]*(?:\.\d+)?|[A-Za-z]+)?<!--=(.+?)-->')
NUMBERS = 'none one two three four five six seven eight nine ten eleven twelve'.split()
FILES = [ROOT / 'CONTRIBUTING.md', ROOT / 'data/README.md']  # beside the notebooks


def items(node):
    "Keys and values of what JSON holds."
    return node.items() if isinstance(node, dict) else ((str(i), v) for i, v in enumerate(node)) if isinstance(node, list) else ()


def at(tree, path):
    "What stands at a path; a list of all that fit if there are wildcards."
    found = [tree]
    for part in path.split('/'): found = [v for node in found for key, v in items(node) if key == part or fnmatchcase(key, part)]
    if not found: raise KeyError(path)
    return found if re.search(r'[*?[]', path) else found[0]


def known(folder=RESULTS):
    "The words of a tag: a function for each file of results, and a few others."
    trees = {p.stem: json.loads(p.read_text()) for p in folder.glob('*.json')}
    runs = {name: {k: r['case'] | r['result'] for k, r in t['runs'].items()} for name, t in trees.items() if 'runs' in t}
    words = dict(mean=fmean, stdev=stdev, apart=lambda a, b: [x - y for x, y in zip(a, b, strict=True)], spelled=NUMBERS.__getitem__)
    return words | {name: partial(at, tree) for name, tree in (trees | runs).items()} | dict(bd=partial(bd, trees.get('rd')))


def bd(saved, clip, codec, anchor):
    "A BD-rate in percent, as chapter 34b has it."
    from coordflow_nb.experiments.rd import bd_of, reports
    return bd_of(reports(saved['runs'])[clip], codec, anchor)


def value(tag, words):
    "A number as it should be written, or why that cannot be said."
    code, _, form = tag.rpartition(':')
    try: return format(eval(code, dict(words)), form)
    except Exception as e: return f'({type(e).__name__}: {e})'


def quoted(text, words):
    "All quoted numbers of a text: [(number as it is, as it should be, tag)]."
    lines = (line for line in text.splitlines() if '<!--=' in line)  # a search through pictures would take long
    return [(m[1] or 'nothing', value(m[2], words), m[2]) for line in lines for m in TAG.finditer(line)]


def filled(text, words):
    "A text with its numbers filled in."
    put = lambda line: TAG.sub(lambda m: f'{value(m[2], words)}<!--={m[2]}-->', line) if '<!--=' in line else line
    return ''.join(map(put, text.splitlines(keepends=True)))


def places(): return {p.relative_to(ROOT).as_posix(): p for p in [*notebooks(), *FILES]}


if __name__ == '__main__':
    words, failed = known(), []
    for name, path in places().items():
        text = path.read_text(encoding='utf-8')
        for was, now, tag in quoted(text, words):
            print(f'{name:34} {was if was == now else f"{was} -> {now}":18} {tag}')
            if now.startswith('('): failed.append(f'{name}: {tag}: {now}')
        if not failed and (new := filled(text, words)) != text: path.write_text(new, encoding='utf-8')
    if failed: sys.exit('\n'.join(failed))
