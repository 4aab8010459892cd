"""What each notebook costs to run: `make costs` times them one by one, saves data/results/costs.json and says it at the top of each chapter.

Seconds are of a fresh kernel, start included, on an otherwise idle machine, without the cells flagged slow; rounded up to 5.
`python .ci/costs.py --from LOG` takes the seconds from what `make test` printed instead.
"""
import json, math, os, platform, re, sys
from pathlib import Path

import check

OUT = check.ROOT / 'data/results/costs.json'
MARK = '*Takes about'


def timed():
    "Seconds of each notebook that runs without an error: {label: seconds}."
    said = {}
    for path in check.notebooks():
        ok, note, seconds = check.outcome(check.check_chapter, path)
        print(f'{check.label(path):40} {seconds:6.1f} s' + ('' if ok else f'  {note}'), file=sys.stderr, flush=True)
        if ok: said[check.label(path)] = seconds
    return said


def logged(path):
    "The same out of the lines of `make test`."
    return {m[1]: float(m[2]) for m in re.finditer(r'^ok +chapter (\S+) +([\d.]+) s', Path(path).read_text(), re.M)}


def rounded(seconds): return 5*math.ceil(seconds/5)


def line(path, seconds):
    "The sentence at the top of a chapter."
    slow = any(re.match(r'#\s*\|\s*slow', source) for source, _ in check.cells(path, 'code'))
    more = ' Cells flagged *slow* are left out: they take minutes, and their outputs are saved.' if slow else ''
    return f'{MARK} {rounded(seconds)} seconds on two CPU cores; no GPU, no download.*{more}'


def put(path, text):
    "Write the sentence into its cell, the second one."
    nb = json.loads(path.read_text(encoding='utf-8'))
    here = next((c for c in nb['cells'] if ''.join(c['source']).startswith(MARK)), None)
    if here is None: nb['cells'].insert(1, here := dict(cell_type='markdown', id='c057c057', metadata={}))
    here['source'] = [text]
    path.write_text(json.dumps(nb, sort_keys=True, indent=1, ensure_ascii=False) + '\n', encoding='utf-8')


def main():
    log = sys.argv[1:2] == ['--from']
    seconds = logged(sys.argv[2]) if log else timed()
    order = [check.label(p) for p in check.notebooks()]
    machine = dict(cores=os.cpu_count(), processor=platform.machine(), python=platform.python_version(), command='make test, two notebooks at a time' if log else 'make costs')
    kinds = {'chapters': [n for n in order if n in seconds and '/' not in n], 'solutions': [n for n in order if n in seconds and '/' in n]}
    said = dict(machine=machine) | {kind: {n.rpartition('/')[2]: rounded(seconds[n]) for n in names} for kind, names in kinds.items()}
    OUT.write_text(json.dumps(said, indent=1) + '\n')
    for path in check.notebooks():
        if check.number(path) and check.label(path) in said['chapters']: put(path, line(path, seconds[check.label(path)]))


if __name__ == '__main__': main()
