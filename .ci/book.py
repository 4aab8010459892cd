"The project's notebooks, as the tests, the site and the cost lines see them."
import json, os, re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIBRARY = 'coordflow_nb'


class Failed(Exception): "A test does not hold; the message says where and how to mend it."


def environment(**more):
    "This process's environment without what would change a result."
    env = {k: v for k, v in os.environ.items() if k not in ('IN_TEST', 'PYTHONPATH', 'MPLBACKEND')}
    return env | dict(OMP_NUM_THREADS='1', PYTHONDONTWRITEBYTECODE='1', PYTHONWARNINGS='ignore') | more


def notebooks():
    "All notebooks, in reading order; the solutions of a chapter follow it."
    paths = (p for p in (ROOT / 'nbs').rglob('*.ipynb') if not any(part[0] in '._' for part in p.relative_to(ROOT).parts))
    return sorted(paths, key=lambda p: (number(p) or (10**6, ''), p.name, label(p)))


def chapters():
    "The notebooks that are no solutions."
    return [p for p in notebooks() if p.parent.name != 'solutions']


def label(path):
    "How a notebook is called here: 04_flow, solutions/04_flow."
    return path.relative_to(ROOT / 'nbs').with_suffix('').as_posix()


def number(path):
    "The layer of a chapter, as a key to sort by: 01_video -> (1, ''), 01b_plot -> (1, 'b'); None without a number."
    match = re.match(r'(\d+)([a-z]?)_', path.name)
    return (int(match[1]), match[2]) if match else None


def cells(path, kind):
    "The cells of one kind, each as (source, outputs)."
    nb = json.loads(path.read_text(encoding='utf-8'))
    return [(''.join(c['source']), c.get('outputs', [])) for c in nb['cells'] if c['cell_type'] == kind]


def flags(source):
    "The directives of a code cell: `#| export` -> export."
    return re.findall(r'^#\s*\|\s*(.+?)\s*$', source, re.M)


def plain(source):
    "A code cell without lines that only IPython reads."
    return re.sub(r'^[%!].*$', '', source, flags=re.M)


def module_of(path):
    "The module that a notebook exports, with the library's name; None if it exports none."
    names = (flag.split()[1] for source, _ in cells(path, 'code') for flag in flags(source) if flag.startswith('default_exp '))
    name = next(names, None)
    return name and (LIBRARY if name == '__init__' else f'{LIBRARY}.{name}')


def costs():
    "Seconds of each notebook, as last measured: {label: seconds}."
    saved = json.loads((ROOT / 'data/results/costs.json').read_text())
    return saved['chapters'] | {f'solutions/{name}': seconds for name, seconds in saved['solutions'].items()}
