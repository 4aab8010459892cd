"""Run a notebook as JupyterLab does and compare what it says with what is saved: `python .ci/chapter.py nbs/04_flow.ipynb ...`.

The kernel is a fresh process in the notebook's folder. Cells flagged `#| slow` or `#| eval: false` and the one that exports are left out; their
saved outputs stand. The first error ends the run. After a whole run the text of each cell must be the saved one: standard output, and results as
plain text, markdown and HTML. Figures, widgets, standard error (progress bars) and addresses of objects are not compared.

Numbers may differ by 5 percent plus one unit of their last printed digit: another processor or another release of torch rounds differently, and a
training run makes more of it (a new order of additions moved one by 1.1 percent). Two numbers below 1e-5 count as equal: they are rounding errors.
Spaces may differ, since columns follow the numbers.
"""
import asyncio, os, re, subprocess, sys, time
from contextlib import nullcontext
from pathlib import Path
from unittest.mock import patch

from book import ROOT, Failed, environment, flags
from zygote import Zygote

LIMIT = 600  # seconds for a notebook; a hang, not a slow machine


# ---- running ----

def runs(source):
    "Does a test run this code cell?"
    return bool(source.strip()) and 'nbdev_export(' not in source and not {'slow', 'eval: false'} & set(flags(source))


async def play(path, limit=LIMIT, zygote=None):
    "Run the cells of a notebook; for each that ran: (its number, source, saved outputs, fresh outputs)."
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
    nb, end, done = nbformat.read(path, as_version=4), time.monotonic() + limit, []
    client = NotebookClient(nb, kernel_name='python3', timeout_func=lambda cell: max(1, end - time.monotonic()), shutdown_kernel='immediate')
    with patch('jupyter_client.provisioning.local_provisioner.launch_kernel', zygote.launch) if zygote else nullcontext():
        async with client.async_setup_kernel(cwd=str(path.parent), env=environment(IN_TEST='1'), stderr=subprocess.DEVNULL):
            for k, cell in enumerate(nb.cells):
                if cell.cell_type != 'code' or not runs(cell.source): continue
                saved, cell.outputs = cell.outputs, []
                try: await client.async_execute_cell(cell, k)
                except CellExecutionError as e: said = traceback(cell, e)
                except CellTimeoutError: said = f'stopped: the notebook takes more than {limit} s'
                except DeadKernelError: said = 'the kernel died'
                else: said = None
                if said: raise Failed(f'{place(k, cell.source)}\n{said}')
                done.append((k, cell.source, saved, cell.outputs))
    return done


def place(k, source):
    "Which cell of a notebook: its number, counted from 0 over all cells, and its first line of code."
    first = next((line for line in source.splitlines() if line.strip() and not line.startswith('#|')), '')
    return f'cell {k}: {first.strip()[:100]}'


def traceback(cell, error):
    "What a failed cell said last, without colours."
    said = next(('\n'.join(o.traceback) for o in cell.outputs if o.output_type == 'error'), f'{error.ename}: {error.evalue}')
    return '\n'.join(re.sub(r'\x1b\[[0-9;]*m', '', said).splitlines()[-20:])


# ---- comparing ----

WIDGET = 'application/vnd.jupyter.widget-view+json'
SILENT = re.compile(r'^<(Figure size|Axes|IPython\.core\.display)[^\n]*>$')
LIVE = re.compile(r'^\s*[A-Z]\w*\(|%\|| 0/|\?it|\? \w+/s')  # text of a widget that has nothing to say: VBox(children=...), a progress bar
NUMBER = re.compile(r'(?<![A-Za-z_\d.])[-+]?(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?')


def texts(outputs):
    "The lines that a cell says: first its standard output, then its results, each in all its text forms."
    said = [''.join(o['text']) for o in outputs if o['output_type'] == 'stream' and o['name'] == 'stdout']
    lines = [final(line) for line in ''.join(said).split('\n')]
    for o in outputs:
        data = o.get('data', {})
        if WIDGET in data and LIVE.search(''.join(data.get('text/plain', ''))): continue
        for kind in ('text/plain', 'text/markdown', 'text/html'):
            text = ''.join(data.get(kind, ''))
            if not SILENT.match(text): lines += text.split('\n')
    return [plain for line in lines if (plain := ' '.join(re.sub(r'0x[0-9a-f]{6,}', '0x', line).split()))]


def final(line):
    "What a terminal shows of a line that was overwritten."
    return line.rstrip('\r').rpartition('\r')[2]


def close(a, b):
    "Are two printed numbers one, for all that a different machine may do?"
    x, y = (float(n.replace(',', '')) for n in (a, b))
    small = max(abs(x), abs(y))
    return small < 1e-5 or abs(x - y) <= 0.05*small + 1.001*max(unit(a), unit(b))


def unit(number):
    "One unit of the last digit of a printed number."
    digits, _, power = number.replace(',', '').lower().partition('e')
    return 10.0**(int(power or 0) - len(digits.partition('.')[2]))


def same(a, b):
    "Do two lines say the same?"
    if a == b: return True
    words, numbers = zip(*((NUMBER.split(line), NUMBER.findall(line)) for line in (a, b)))
    return words[0] == words[1] and all(map(close, *numbers))


def difference(done):
    "The first line that is not as saved, in words; None if all are."
    for k, source, saved, fresh in done:
        old, new = texts(saved), texts(fresh)
        for i in range(max(len(old), len(new))):
            a, b = (lines[i] if i < len(lines) else '(nothing)' for lines in (old, new))
            if not same(a, b): return f'{place(k, source)}\nsaved: {a}\nfresh: {b}'


def check(path, limit=LIMIT, zygote=None):
    "Run a notebook and compare; what it did in a few words, or Failed."
    done = asyncio.run(play(path, limit, zygote))
    if wrong := difference(done): raise Failed(f'{wrong}\nif the new one is right, save it: make run NB={os.path.relpath(path, ROOT)}')
    return f'{len(done)} cells, {sum(bool(texts(saved)) for _, _, saved, _ in done)} with text as saved'


if __name__ == '__main__':
    shared = Zygote(environment())
    for name in sys.argv[1:]:
        start = time.monotonic()
        note = check(Path(name).resolve(), zygote=shared)
        print(f'{Path(name).stem}: {time.monotonic() - start:.1f} s, {note}', flush=True)
