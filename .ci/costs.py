"""What each notebook costs to run: `make costs` times them one by one, saves data/results/costs.json and says it at the top of each chapter.

Seconds are of a kernel of its own on an otherwise idle machine, without the cells flagged slow; rounded up to 5.
`python .ci/costs.py LOG` takes the seconds from what `make test` printed instead.
"""
import json, math, os, platform, re, subprocess, sys
from pathlib import Path

from execnb.nbio import mk_cell, read_nb, write_nb

from book import MARK, ROOT, cells, flags, label, notebooks, number


def put(path, seconds):
    "Write the sentence into its cell, the second one."
    nb = read_nb(path)
    here = next((c for c in nb.cells if c.source.startswith(MARK)), None)
    if here is None: nb.cells.insert(1, here := mk_cell('', 'markdown', id='c057c057'))
    slow = any('slow' in flags(c) for c in cells(path))
    more = ' Cells flagged *slow* are left out: they take minutes, and their outputs are saved.' if slow else ''
    here.set_source(f'{MARK} {seconds} seconds on two CPU cores; no GPU, no download.*{more}')
    write_nb(nb, path)


if __name__ == '__main__':
    command = [sys.executable, Path(__file__).with_name('check.py'), '--only', 'chapters', '--workers', '1']
    text = Path(sys.argv[1]).read_text() if sys.argv[1:] else subprocess.run(command, stdout=subprocess.PIPE, text=True).stdout
    took = {m[1]: 5*math.ceil(float(m[2])/5) for m in re.finditer(r'^ok +chapter (\S+) +([\d.]+) s', text, re.M)}
    said = dict(machine=dict(cores=os.cpu_count(), processor=platform.machine(), python=platform.python_version(),
                             command='make test, two notebooks at a time' if sys.argv[1:] else 'make costs'), chapters={}, solutions={})
    for path in [p for p in notebooks() if label(p) in took]:
        solved = path.parent.name == 'solutions'
        said['solutions' if solved else 'chapters'][path.stem] = took[label(path)]
        if number(path) and not solved: put(path, took[label(path)])
    (ROOT / 'data/results/costs.json').write_text(json.dumps(said, indent=1) + '\n')
