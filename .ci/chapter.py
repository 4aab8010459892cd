"""Run a notebook as JupyterLab does and compare what it says with what is saved: `python .ci/chapter.py nbs/03_flow.ipynb ...`.

The kernel is a fresh process in the notebook's folder. Cells flagged `#| slow` or `#| eval: false` and the one that exports are left out; their
saved outputs stand. The first error ends the run. After a whole run the text of each cell must be the saved one: standard output, and results as
plain text, markdown and HTML. Figures, widgets, standard error (progress bars) and addresses of objects are not compared.

Numbers may differ by 5 percent plus one unit of their last printed digit: another processor or another release of torch rounds differently, and a
training run makes more of it (a new order of additions moved one by 1.1 percent). Two numbers below 1e-5 count as equal: they are rounding errors.
Spaces may differ, since columns follow the numbers.
"""
import asyncio, os, re, subprocess, sys, time
from pathlib import Path

LIMIT = 600  # seconds for a notebook; a hang, not a slow machine


class Failed(Exception): "A notebook does not run, or does not say what is saved; the message says where."


def environment(**more):
    "This process's environment without what would change a result."
    env = {k: v for k, v in os.environ.items() if k not in ('IN_TEST', 'PYTHONPATH', 'MPLBACKEND')}
    return env | dict(OMP_NUM_THREADS='1', PYTHONDONTWRITEBYTECODE='1', PYTHONWARNINGS='ignore') | more


# ---- running ----

def runs(source):
    "Does a test run this code cell?"
    flags = re.findall(r'^#\s*\|\s*(.+?)\s*$', source, re.M)
    return bool(source.strip()) and 'nbdev_export(' not in source and not {'slow', 'eval: false'} & set(flags)


async def play(path, limit=LIMIT):
    "Run the cells of a notebook; for each that ran: (its number, source, saved outputs, fresh outputs)."
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
    nb, end, done = nbformat.read(path, as_version=4), time.monotonic() + limit, []
    client = NotebookClient(nb, kernel_name='python3', timeout_func=lambda cell: max(1, end - time.monotonic()), shutdown_kernel='immediate')
    async with client.async_setup_kernel(cwd=str(path.parent), env=environment(IN_TEST='1'), stderr=subprocess.DEVNULL):
        for k, cell in enumerate(nb.cells):
            if cell.cell_type != 'code' or not runs(cell.source): continue
            saved, cell.outputs = cell.outputs, []
            try: await client.async_execute_cell(cell, k)
            except CellExecutionError as e: raise Failed(f'{place(k, cell.source)}\n{traceback(cell, e)}') from None
            except CellTimeoutError: raise Failed(f'{place(k, cell.source)}\nstopped: the notebook takes more than {limit} s') from None
            except DeadKernelError: raise Failed(f'{place(k, cell.source)}\nthe kernel died') from None
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


def check(path, limit=LIMIT):
    "Run a notebook and compare; what it did in a few words, or Failed."
    done = asyncio.run(play(path, limit))
    if wrong := difference(done):
        name = os.path.relpath(path, Path(__file__).resolve().parent.parent)
        raise Failed(f'{wrong}\nif the new one is right, save it: make run NB={name}')
    said = sum(bool(texts(saved)) for _, _, saved, _ in done)
    return f'{len(done)} cells, {said} with text as saved'


def main():
    "Check the notebooks named."
    wrong = 0
    for name in sys.argv[1:]:
        start, path = time.monotonic(), Path(name).resolve()
        try: note = check(path)
        except Failed as e: note, wrong = f'FAILED\n{e}', wrong + 1
        print(f'{path.stem}: {time.monotonic() - start:.1f} s, {note}', flush=True)
    return 1 if wrong else 0


if __name__ == '__main__': sys.exit(main())
