"""Build the site from the notebooks, as they are saved, into `_docs/`: `make docs`, or `python .ci/docs.py [FOLDER]`.

Chapters are pages with their saved outputs; nothing is executed. The library's modules get pages, too, written by Sphinx's autodoc. How names and
chapters' numbers become links is in conf.py. No page asks another host for anything.
"""
import importlib, inspect, re, shutil, sys, tempfile
from pathlib import Path

import nbformat
from nbformat.v4 import new_markdown_cell
from sphinx.cmd.build import build_main

from book import LIBRARY, ROOT, SETTINGS, caption, cells, chapters, flags, label, module_of, notebooks, number, plain

PARTS = {'I the method': 0, 'II minutes to seconds': 13, 'III the codec': 17, 'IV applications': 20, 'V practice': 29}  # and their first chapters
TAGS = {'hide': 'remove-cell', 'include: false': 'remove-cell', 'echo: false': 'remove-input', 'output: false': 'remove-output',
        'export': 'library', 'exports': 'library', 'exporti': 'library', 'slow': 'slow'}
MODULES = '# Modules\n\nAll public names of the library, written by the chapters.\n\n| module | |\n|---|---|\n'
SOLUTIONS = '# Solutions\n\nWorked answers to the exercises. Try first: a checker below each exercise says whether you are right.\n\n'


def title(path):
    "How a notebook is called in the navigation: `03 Flow`."
    head = re.match(r'# (?:Solutions: )?(.+)', cells(path, 'markdown')[0].source)[1]
    return f'{path.stem.partition("_")[0]} {head[0].upper()}{head[1:]}' if number(path) else head


def library():
    "The library's modules that have public names: {name: module}."
    names = sorted('.'.join(p.relative_to(ROOT).with_suffix('').parts) for p in (ROOT / LIBRARY).rglob('[!_]*.py'))
    return {n: m for n in names if getattr(m := importlib.import_module(n), '__all__', None)}


def about(path):
    "The line below a chapter's title: where its module, its solutions and its file are."
    links = [f'Module {{doc}}`{m} </api/{m}>`'] if (m := module_of(path)) in library() else []
    if (path.parent / 'solutions' / path.name).exists(): links.append(f'[Solutions](solutions/{path.name})')
    return '```{container} about\n' + ' · '.join([*links, f'Notebook `nbs/{label(path)}.ipynb`', *launches(path)]) + '\n```'


def launches(path):
    "Where a chapter runs without being installed; nowhere, unless settings.ini names a repository that is open to all."
    repository, branch = (SETTINGS[k] for k in ('launch_repository', 'branch'))
    if not repository: return []
    binder = f'https://mybinder.org/v2/gh/{repository}/{branch}?urlpath=lab/tree/nbs/{label(path)}.ipynb'
    return [f'[Run it in Binder]({binder})', f'[or in a codespace](https://codespaces.new/{repository})']


def page(path):
    "A notebook as Sphinx reads it: with tags for directives and with titles of figures for those who do not see them."
    nb, found = nbformat.read(path, as_version=4), []
    for cell in nb.cells:
        if cell.cell_type == 'code':
            cell.metadata.tags = sorted({TAGS[f] for f in flags(cell) if f in TAGS} | ({'remove-cell'} if 'default_exp' in cell.source else set()))
            if caption(cell): cell.metadata.mystnb = dict(image=dict(alt=caption(cell)))
            if 'library' in cell.metadata.tags: found.append(new_markdown_cell(f'(cell-{cell.id})=', id=f'at-{cell.id}'))
            cell.source = plain(cell)
        else: cell.source = cell.source.replace('](solutions/)', '](solutions/index.md)').replace('](../CONTRIBUTING.md)', '](contributing.md)')
        found.append(cell)
    if number(path): found.insert(1, new_markdown_cell(about(path)))
    if path.stem == 'index': found += map(new_markdown_cell, navigation())
    nb.cells, nb.metadata.language_info = found, dict(name='python', pygments_lexer='ipython3')
    return nbformat.writes(nb)


def toctree(entries, *options): return '\n'.join(['', '```{toctree}', *options, '', *entries, '```\n'])


def navigation():
    "The table of contents of the whole site, hidden in its first page."
    entries = {name: [] for name in ('', *PARTS)}
    for p in chapters():
        part = [name for name, first in PARTS.items() if number(p) and first <= number(p)[0]]
        if p.stem != 'index': entries[part[-1] if part else ''].append(f'{title(p)} <{label(p)}>')
    for name in entries: yield toctree(entries[name], ':hidden:', *([f':caption: {name}'] if name else []))
    yield toctree(['Modules <api/index>', 'Solutions <solutions/index>', 'Contributing <contributing>'], ':hidden:', ':caption: Reference')


def sources():
    "All files that Sphinx reads: {name: text}."
    files = {f'{label(p)}.ipynb': page(p) for p in notebooks()}
    explained = {module_of(p): f'Built and explained in [chapter {title(p)}](../{p.name}).' for p in chapters()}
    files |= {f'api/{n}.md': f'# {n}\n\n{explained.get(n, "")}\n\n```{{eval-rst}}\n.. automodule:: {n}\n```\n' for n in library()}
    rows = [f'| {{doc}}`{n} <{n}>` | {(inspect.getdoc(m) or " ").splitlines()[0]} |\n' for n, m in library().items()]
    files['api/index.md'] = MODULES + ''.join(rows) + toctree([f'{n.removeprefix(LIBRARY + ".")} <{n}>' for n in library()], ':hidden:')
    files['solutions/index.md'] = SOLUTIONS + toctree([f'{title(p)} <{p.stem}>' for p in notebooks() if p not in chapters()], ':maxdepth: 1')
    return files | {'contributing.md': (ROOT / 'CONTRIBUTING.md').read_text(encoding='utf-8')}


def build(out):
    "Build the site in a temporary folder; it takes the place of the old one when it is whole."
    with tempfile.TemporaryDirectory() as tmp:
        source, html, files = Path(tmp) / 'source', Path(tmp) / 'html', sources()
        shutil.copytree(ROOT / 'nbs/images', source / 'images')
        for name, text in files.items():
            (source / name).parent.mkdir(exist_ok=True)
            (source / name).write_text(text, encoding='utf-8')
        options = ['-q', '-W', '--keep-going', '-c', str(ROOT / '.ci'), '-d', f'{tmp}/doctrees']
        if build_main([*options, str(source), str(html)]): sys.exit('docs: the site has warnings')
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(html, out)
    print(f'docs: {len(notebooks())} notebooks and {len(library())} modules; open {out / "index.html"}')


if __name__ == '__main__': build(Path(sys.argv[1] if sys.argv[1:] else ROOT / '_docs'))
