"""Each notebook runs as JupyterLab runs it, in a kernel of its own in the notebook's folder, and must say what is saved in it.

Cells flagged `#| slow` or `#| eval: false` and the one that exports are left out; their saved outputs stand. The first error ends the run. After a
whole run the text of each cell must be the saved one: standard output, and results as plain text, markdown and HTML. Figures, widgets, standard
error (progress bars) and addresses of objects are not compared.

Numbers may differ by 5 percent plus one unit of their last printed digit: another processor or another release of torch rounds differently, and a
training run makes more of it (a new order of additions moved one by 1.1 percent). Two numbers below 1e-5 count as equal: they are rounding errors.
Spaces may differ, since columns follow the numbers.
"""
import re, subprocess, time
from contextlib import nullcontext
from decimal import Decimal
from itertools import zip_longest
from tempfile import TemporaryDirectory
from unittest.mock import patch

import nbformat, pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from traitlets.config import Config

from book import ROOT, cells, costs, environment, label, notebooks, plain, runs
from zygote import Kernel

LIMIT = 600  # seconds for a notebook; a hang, not a slow machine
FIGURE = re.compile(r'<(Figure size|Axes|IPython\.core\.display)[^\n]*>$')
KINDS = 'text/plain', 'text/markdown', 'text/html'
LIVE = re.compile(r'^\s*[A-Z]\w*\(|%\|| 0/|\?it|\? \w+/s')  # text of such a widget: VBox(children=...), a progress bar
NUMBER = re.compile(r'(?<![A-Za-z_\d.])([-+]?(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)')


def play(path, slow=False):
    "Run a notebook; what it is then. Cells that are left out keep their outputs."
    nb, end = nbformat.read(path, as_version=4), time.monotonic() + LIMIT
    for cell in nb.cells:
        if cell.cell_type == 'code' and not runs(cell, slow): cell.metadata.tags = ['skip-execution']
    early = any("os.environ['TRITON_INTERPRET']" in c.source for c in nb.cells)  # read when it is loaded: not by a fork
    with nullcontext() if early else patch('jupyter_client.provisioning.local_provisioner.launch_kernel', Kernel), TemporaryDirectory() as sockets:
        client = NotebookClient(nb, timeout_func=lambda cell: max(1, end - time.monotonic()), extra_arguments=['--IPKernelApp.matplotlib=inline'],
                                record_timing=False, store_widget_state=False, shutdown_kernel='immediate',
                                config=Config(KernelManager=dict(transport='ipc', ip=f'{sockets}/kernel')))  # a port may be taken between choice and use
        try: client.execute(cwd=str(path.parent), env=environment(IN_TEST='1', OMP_WAIT_POLICY='PASSIVE'), stderr=subprocess.DEVNULL)
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            raise pytest.fail.Exception(re.sub(r'\x1b\[[0-9;]*m', '', str(error)), pytrace=False) from None
    for cell in nb.cells:
        if cell.cell_type == 'code': cell.outputs = [*filter(None, map(shown, cell.outputs))]
    return nb


def shown(output):
    "An output as it is saved; None for a progress bar, and for a widget that has nothing to say without its kernel."
    widget = output.get('data', {}).pop('application/vnd.jupyter.widget-view+json', None)
    silent = output.get('name') == 'stderr' or widget and LIVE.search(output.data.get('text/plain', ''))
    return None if silent else output


def texts(cell):
    "The lines that a cell says: first its standard output, then its results, each in all its text forms."
    said = [o.text for o in cell.outputs if o.output_type == 'stream'] + ['\n']
    said += [f'{o.data[kind]}\n' for o in cell.outputs if 'data' in o for kind in KINDS if kind in o.data and not FIGURE.match(o.data[kind])]
    lines = [line.rstrip('\r').rpartition('\r')[2] for line in ''.join(said).split('\n')]  # of a line that was overwritten its end
    return [words for line in lines if (words := ' '.join(re.sub('0x[0-9a-f]{6,}', '0x', line).split()))]


def close(a, b):
    "Are two printed numbers one, for all that a different machine may do?"
    x, y = (Decimal(n.replace(',', '')) for n in (a, b))
    unit = 10.0**max(n.as_tuple().exponent for n in (x, y))
    large = float(max(abs(x), abs(y)))
    return large < 1e-5 or abs(x - y) <= 0.05*large + 1.001*unit


def same(a, b):
    "Do two lines say the same?"
    a, b = NUMBER.split(a), NUMBER.split(b)  # words and numbers in turn
    return a[::2] == b[::2] and all(map(close, a[1::2], b[1::2]))


@pytest.mark.parametrize('path', sorted(notebooks(), key=lambda p: -costs().get(label(p), 60)), ids=label)  # no worker waits for a long one
def test_chapter(path, say):
    "chapter"
    spoke = 0
    for k, (old, new) in enumerate(zip(cells(path), play(path).cells)):
        if old.cell_type != 'code': continue
        spoke += bool(texts(old))
        for a, b in zip_longest(texts(old), texts(new), fillvalue='(nothing)'):
            mend = f'if the new one is right, save it: make run NB={path.relative_to(ROOT)}'
            if not same(a, b): pytest.fail(f'cell {k}: {plain(old)[:100]}\nsaved: {a}\nfresh: {b}\n{mend}', pytrace=False)
    say(f'{spoke} cells say what is saved')
