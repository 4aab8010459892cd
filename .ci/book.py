"The project's notebooks, as the tests, the site and the cost lines see them."
import json, os, re
from configparser import ConfigParser
from functools import cache
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parent.parent
LIBRARY = 'coordflow_nb'
parser = ConfigParser(delimiters=['='])
parser.read(ROOT / 'settings.ini', encoding='utf-8')
SETTINGS = parser['DEFAULT']
CHAPTER = re.compile(r'\b[Cc]hapters? (\d\d[a-z]?(?:(?:, | and |, and | to )\d\d[a-z]?)*)\b')  # as prose names chapters
NUMBER = re.compile(r'\d\d[a-z]?')
MARK = '*Takes about'  # how the cell begins that says what a chapter costs


def environment(**more):
    "This process's environment without what would change a result."
    env = {k: v for k, v in os.environ.items() if k not in ('IN_TEST', 'PYTHONPATH', 'MPLBACKEND')}
    return env | dict(OMP_NUM_THREADS='1', PYTHONDONTWRITEBYTECODE='1', PYTHONWARNINGS='ignore') | more


def notebooks():
    "All notebooks, in reading order; the solutions of a chapter follow it."
    paths = (p for p in (ROOT / 'nbs').rglob('[!._]*.ipynb') if p.parent.name[0] not in '._')
    return sorted(paths, key=lambda p: (number(p) or (10**6, ''), p.name, label(p)))


def chapters():
    "The notebooks that are no solutions."
    return [p for p in notebooks() if p.parent.name != 'solutions']


def whole_numbers():
    "The chapters without a letter: each is a lecture."
    return [p for p in chapters() if number(p) and not number(p)[1]]


def label(path):
    "How a notebook is called here: 04_flow, solutions/04_flow."
    return path.relative_to(ROOT / 'nbs').with_suffix('').as_posix()


def number(path):
    "The layer of a chapter, as a key to sort by: 01_video -> (1, ''), 01b_plot -> (1, 'b'); None without a number."
    match = re.match(r'(\d+)([a-z]?)_', path.name)
    return (int(match[1]), match[2]) if match else None


@cache
def cells(path, kind=''):
    "The cells of a notebook, all or those of one kind."
    return [c for c in nbformat.read(path, as_version=4).cells if kind in ('', c.cell_type)]


def flags(cell):
    "The directives of a code cell: `#| export` -> export."
    return re.findall(r'^#\s*\|\s*(.+?)\s*$', cell.source, re.M) if cell.cell_type == 'code' else []


def plain(cell):
    "A code cell without its directives."
    return re.sub(r'^#\s*\|.*\n?', '', cell.source, flags=re.M).strip('\n')


def caption(cell):
    "The title of the figure that a code cell draws; empty if it has none."
    found = re.search(r"""(?:suptitle\(|suptitle=|title=|set_title\()\s*'([^'{]+)'""", cell.source)
    return found[1] if found else ''


def runs(cell, slow=False):
    "Does a test run this code cell?"
    return not {'eval: false', *(() if slow else ('slow',))} & set(flags(cell))


@cache
def module_of(path):
    "The module that a notebook exports, with the library's name; None if it exports none."
    name = next((f.split()[1] for c in cells(path, 'code') for f in flags(c) if f.startswith('default_exp ')), None)
    return name and (LIBRARY if name == '__init__' else f'{LIBRARY}.{name}')


@cache
def costs():
    "Seconds of each notebook, as last measured: {label: seconds}."
    saved = json.loads((ROOT / 'data/results/costs.json').read_text())
    return saved['chapters'] | {f'solutions/{name}': seconds for name, seconds in saved['solutions'].items()}
