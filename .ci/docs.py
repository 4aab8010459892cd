"""Build the site from the notebooks, as they are saved, into `_docs/`: `make docs`, or `python .ci/docs.py [--out FOLDER]`.

Chapters are pages with their saved outputs; nothing is executed. The library's modules get pages, too, written by Sphinx's autodoc (see conf.py).
Names of the library and numbers of chapters in prose become links. No page asks another host for anything.
"""
import argparse, importlib, inspect, json, re, shutil, subprocess, sys, tempfile
from configparser import ConfigParser
from functools import cache
from pathlib import Path

from book import LIBRARY, ROOT, environment, flags, label, module_of, notebooks, number

CHAPTER = re.compile(r'\b([Cc]hapters? )(\d\d[a-z]?(?:(?:, | and |, and | to )\d\d[a-z]?)*)\b')

PARTS = 'Signal', 'Model', 'Codec', 'Applications', 'Practice'


def part(path):
    "The part of the book that a chapter stands in, None for pages without a number."
    if not number(path): return None
    if (module_of(path) or '').startswith('applications.'): return 'Applications'
    return PARTS[sum(number(path)[0] >= first for first in (3, 10, 19, 30))]


def title(path):
    "How a notebook is called in the navigation: `03 Flow`."
    nb = json.loads(path.read_text(encoding='utf-8'))
    head = next((m[1] for c in nb['cells'] if (m := re.match(r'# (.+)', ''.join(c['source'])))), path.stem).removeprefix('Solutions: ')
    return f'{path.stem.partition("_")[0]} {head[0].upper()}{head[1:]}' if number(path) else head


# ---- the library ----

@cache
def library():
    "The library's modules that have public names: {name: module}."
    names = sorted('.'.join(p.relative_to(ROOT).with_suffix('').parts) for p in (ROOT / LIBRARY).rglob('*.py') if p.name[0] != '_')
    return {n: m for n in names if getattr(m := importlib.import_module(n), '__all__', None)}


@cache
def full_names():
    "What a name in prose may mean: {name or Class.method: [full names]}."
    found = {}
    for module, m in library().items():
        for name in m.__all__:
            thing = getattr(m, name)
            inner = [n for n, f in vars(thing).items() if n[0] != '_' and (callable(f) or isinstance(f, property))] if inspect.isclass(thing) else []
            for dotted in (name, *(f'{name}.{n}' for n in inner)): found.setdefault(dotted, []).append(f'{module}.{dotted}')
    return found


def find(name, near):
    "The full name of a name in prose, or None; `near` are modules that go first, the page's own and those it imports."
    if name in library(): return name
    if name.startswith(LIBRARY + '.'): return name if name in sum(full_names().values(), []) else None
    found = full_names().get(name, [])
    close = [f for module in near for f in found if f == f'{module}.{name}']
    return close[0] if close else found[0] if len(found) == 1 else None


def module_page(name):
    "The page of one module; conf.py adds to each name its parameters and its chapter."
    made = ''.join(f'Built and explained in [chapter {title(p)}](../{p.name}).' for p in notebooks() if module_of(p) == name)
    return f'# {name}\n\n{made}\n\n```{{eval-rst}}\n.. automodule:: {name}\n```\n'


# ---- pages of chapters ----

HIDDEN = re.compile(r'^#\s*\|\s*(hide|default_exp.*|include:\s*false)\s*$', re.M)
DIRECTIVE = re.compile(r'^#\s*\|.*\n?', re.M)
SPECIAL = re.compile(r'(```.*?```|~~~.*?~~~|(?<!`)`[^`\n]+`(?!`)|\$\$.*?\$\$|\$[^$\n]+\$|!?\[[^\]]*\]\([^)]*\)|^#+ .*?$|https?://\S+|www\.\S+)', re.S | re.M)
WIDGET = 'application/vnd.jupyter.widget-view+json'


class Page:
    "One notebook on its way to the site."
    def __init__(self, path, config):
        self.path, self.config, self.name = path, config, label(path)
        self.nb = json.loads(path.read_text(encoding='utf-8'))
        self.up = '../' * self.name.count('/')
        self.module = module_of(path)
        code = ''.join(''.join(c['source']) + '\n' for c in self.nb['cells'] if c['cell_type'] == 'code')
        self.near = [self.module] + re.findall(rf'^\s*from ({LIBRARY}[\w.]*) import', code, re.M)

    def notebook(self):
        "The notebook that Sphinx reads."
        cells = [c for cell in self.nb['cells'] for c in (self.markdown(cell) if cell['cell_type'] == 'markdown' else self.code(cell))]
        meta = dict(kernelspec=dict(name='python3', display_name='Python 3', language='python'), language_info=dict(name='python', pygments_lexer='ipython3'))
        return dict(cells=cells, metadata=meta, nbformat=4, nbformat_minor=5)

    def markdown(self, cell):
        "A cell of prose, with links."
        text = ''.join(cell['source'])
        if first := re.match(r'(# .+)\n+((?:> ?.*\n?)+)', text):
            subtitle = re.sub(r'^> ?', '', first[2], flags=re.M).strip()
            text = f'{first[1]}\n\n```{{container}} subtitle\n{subtitle}\n```\n\n{self.about()}{text[first.end():]}'
        return [dict(cell, source=self.linked(text), metadata={})]

    def about(self):
        "The line below a chapter's title: where its module and its solutions are."
        links = [f'Module {{doc}}`{self.module} </api/{self.module}>`'] if self.module in library() else []
        other = self.path.parent / 'solutions' / self.path.name
        if self.path.parent.name != 'solutions' and other.exists(): links.append(f'[Solutions](solutions/{self.path.name})')
        if number(self.path): links.append(f'Notebook `nbs/{self.name}.ipynb`')
        return f'```{{container}} about\n{" · ".join(links)}\n```\n' if links else ''

    def code(self, cell):
        "A cell of code without directives and with the outputs that a page can show."
        source = ''.join(cell['source'])
        if HIDDEN.search(source) or 'nbdev_export(' in source: return []
        tags = tags_of(cell)
        plain = DIRECTIVE.sub('', source).strip('\n')
        outputs = [o for o in map(shown, cell.get('outputs', [])) if o]
        if not plain and not outputs: return []
        meta = dict(tags=tags) | (dict(mystnb=dict(image=dict(alt=alt))) if (alt := picture_title(plain)) else {})
        target = [dict(cell_type='markdown', id='at-' + cell['id'], metadata={}, source=f'(cell-{cell["id"]})=')] if 'library' in tags else []
        return target + [dict(cell, source=plain, outputs=outputs, metadata=meta, execution_count=None)]

    def linked(self, text):
        "Prose with its links: those written, names of the library, numbers of chapters."
        return ''.join(self.special(piece) if k % 2 else CHAPTER.sub(self.chapters, piece) for k, piece in enumerate(SPECIAL.split(text)))

    def special(self, piece):
        "A piece of code, maths, a link or a heading."
        if piece.startswith('```{container} subtitle'): return piece
        if link := re.fullmatch(r'(!?\[[^\]]*\]\()([^)#\s]*)([^)]*\))', piece, re.S): return link[1] + self.target(link[2]) + link[3]
        if code := re.fullmatch(r'`([A-Za-z_][\w.]*)(\([^`]*\))?`', piece):
            full = find(code[1], self.near)
            if full in library(): return f'{{doc}}`{code[1]} </api/{full}>`'
            call = re.sub(r'([<>\\])', r'\\\1', code[2] or '')
            if full: return f'{{py:obj}}`{code[1]}{call} <{full}>`'
        return piece

    def target(self, url):
        "Where a link leads on the site; files of the repository that are no page are shown where the code is hosted."
        if not url or re.match(r'\w+:', url): return url
        file = (self.path.parent / url).resolve()
        if file == ROOT / 'CONTRIBUTING.md': return self.up + 'contributing.md'
        if file.is_dir() and file.name == 'solutions': return self.up + 'solutions/index.md'
        if file.is_relative_to(ROOT / 'nbs') and file.exists(): return url
        return f'{self.config["git_url"]}/blob/{self.config["branch"]}/{file.relative_to(ROOT)}' if file.is_relative_to(ROOT) else url

    def chapters(self, match):
        "Links for `chapter 04` or `chapters 04a, 08a and 34`."
        one = match[1].lower() == 'chapter ' and match[2].isalnum()
        return self.chapter(match[2], match[0]) if one else match[1] + re.sub(r'\d\d[a-z]?', lambda m: self.chapter(m[0], m[0]), match[2])

    def chapter(self, key, text):
        "A link to a chapter by its number, if there is one and it is not this."
        found = next((p for p in notebooks() if p.parent.name != 'solutions' and number(p) and p.stem.partition('_')[0] == key), None)
        return f'[{text}]({self.up}{found.name})' if found and found != self.path else text


def tags_of(cell):
    "What the directives of a code cell mean for its look."
    source = ''.join(cell['source'])
    said = flags(source) if cell['cell_type'] == 'code' and not HIDDEN.search(source) else []
    words = {'export': 'library', 'exports': 'library', 'exporti': 'library', 'slow': 'slow', 'echo: false': 'remove-input', 'output: false': 'remove-output'}
    return sorted({words[f] for f in said if f in words})


def shown(output):
    "An output as the site shows it, None if it does not: progress bars, and widgets, which need a running kernel."
    if output['output_type'] == 'stream': return None if output['name'] == 'stderr' else output
    data = output.get('data', {})
    return None if WIDGET in data or list(data) == ['application/javascript'] else output


def picture_title(source):
    "The title of a figure, for those who do not see it."
    found = re.search(r"""(?:suptitle\(|suptitle=|title=|set_title\()\s*'([^'{]+)'""", source)
    return found and found[1]


# ---- the whole site ----

def tree(caption, entries):
    "A part of the navigation."
    options = f':caption: {caption}\n' if caption else ''
    return f'```{{toctree}}\n:hidden:\n{options}\n' + '\n'.join(entries) + '\n```\n'


def navigation(pages):
    "The table of contents of the whole site, hidden in its first page."
    chapters = [p for p in pages if p.path.parent.name != 'solutions' and p.name != 'index']
    entry = lambda p: f'{title(p.path)} <{p.name}>'
    parts = [tree('', [entry(p) for p in chapters if part(p.path) is None])] if any(part(p.path) is None for p in chapters) else []
    parts += [tree(name, [entry(p) for p in chapters if part(p.path) == name]) for name in PARTS]
    return '\n'.join(parts + [tree('Reference', ['Modules <api/index>', 'Solutions <solutions/index>', 'Contributing <contributing>'])])


def write(folder):
    "The files that Sphinx reads."
    parser = ConfigParser(delimiters=['='])
    parser.read(ROOT / 'settings.ini', encoding='utf-8')
    pages = [Page(p, parser['DEFAULT']) for p in notebooks()]
    put = lambda name, text: ((folder / name).parent.mkdir(parents=True, exist_ok=True), (folder / name).write_text(text, encoding='utf-8'))
    for page in pages:
        nb = page.notebook()
        if page.name == 'index': nb['cells'].append(dict(cell_type='markdown', id='contents', metadata={}, source=navigation(pages)))
        put(f'{page.name}.ipynb', json.dumps(nb))
    for name in library(): put(f'api/{name}.md', module_page(name))
    rows = [f'| {{doc}}`{n} <{n}>` | {(inspect.getdoc(m) or " ").splitlines()[0]} |' for n, m in library().items()]
    put('api/index.md', '# Modules\n\nAll public names of the library, written by the chapters.\n\n| module | |\n|---|---|\n' + '\n'.join(rows) + '\n\n'
        + tree('', [f'{n.removeprefix(LIBRARY + ".")} <{n}>' for n in library()]))
    solutions = [p for p in pages if p.path.parent.name == 'solutions']
    put('solutions/index.md', '# Solutions\n\nWorked answers to the exercises. Try first: a checker below each exercise says whether you are right.\n\n'
        + '\n'.join(f'- [{title(p.path)}]({p.path.name})' for p in solutions) + '\n\n' + tree('', [f'{title(p.path)} <{p.path.stem}>' for p in solutions]))
    shutil.copy(ROOT / 'CONTRIBUTING.md', folder / 'contributing.md')
    shutil.copytree(ROOT / 'nbs/images', folder / 'images')
    return len(pages), len(library())


def build(out):
    "Build the site in a temporary folder; it takes the place of the old one when it is whole."
    with tempfile.TemporaryDirectory() as tmp:
        source, html, doctrees = (Path(tmp) / name for name in ('source', 'html', 'doctrees'))
        source.mkdir()
        counts = write(source)
        done = subprocess.run([sys.executable, '-m', 'sphinx', '-q', '-W', '--keep-going', '-c', ROOT / '.ci', '-b', 'html', '-d', doctrees, source, html],
                              env=environment())
        if done.returncode: sys.exit('docs: the site has warnings')
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(html, out)
    print(f'docs: {counts[0]} notebooks and {counts[1]} modules; open {out / "index.html"}')


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--out', type=Path, default=ROOT / '_docs')
    build(parser.parse_args().out)


if __name__ == '__main__': main()
