"""What each notebook costs to run: `make costs` times them one by one, saves data/results/costs.json and says it at the top of each chapter.

Seconds are of a kernel of its own on an otherwise idle machine, without the cells flagged slow; rounded up to 5.
`python .ci/costs.py --from LOG` takes the seconds from what `make test` printed instead.
"""
import json, math, os, platform, re, subprocess, sys
from pathlib import Path

from book import ROOT, cells, flags, label, notebooks, number

MARK = '*Takes about'


def put(path, seconds):
    "Write the sentence into its cell, the second one."
    nb = json.loads(path.read_text(encoding='utf-8'))
    here = next((c for c in nb['cells'] if ''.join(c['source']).startswith(MARK)), None)
    if here is None: nb['cells'].insert(1, here := dict(cell_type='markdown', id='c057c057', metadata={}))
    slow = any('slow' in flags(source) for source, _ in cells(path, 'code'))
    more = ' Cells flagged *slow* are left out: they take minutes, and their outputs are saved.' if slow else ''
    here['source'] = [f'{MARK} {seconds} seconds on two CPU cores; no GPU, no download.*{more}']
    path.write_text(json.dumps(nb, sort_keys=True, indent=1, ensure_ascii=False) + '\n', encoding='utf-8')


def main():
    log = sys.argv[1:2] == ['--from']
    command = [sys.executable, Path(__file__).with_name('check.py'), '--only', 'chapters', '--workers', '1']
    text = Path(sys.argv[2]).read_text() if log else subprocess.run(command, stdout=subprocess.PIPE, text=True).stdout
    took = {m[1]: 5*math.ceil(float(m[2])/5) for m in re.finditer(r'^ok +chapter (\S+) +([\d.]+) s', text, re.M)}
    done = [p for p in notebooks() if label(p) in took]
    said = dict(machine=dict(cores=os.cpu_count(), processor=platform.machine(), python=platform.python_version(),
                             command='make test, two notebooks at a time' if log else 'make costs'))
    for kind, solved in (('chapters', False), ('solutions', True)):
        said[kind] = {p.stem: took[label(p)] for p in done if (p.parent.name == 'solutions') == solved}
    (ROOT / 'data/results/costs.json').write_text(json.dumps(said, indent=1) + '\n')
    for p in done:
        if number(p) and p.parent.name != 'solutions': put(p, took[label(p)])


if __name__ == '__main__': main()
