"""Build the site from the notebooks, as they are saved, into `_docs/`: `make docs`, or `python .ci/site.py [--out FOLDER]`.

Chapters are pages with their saved outputs; nothing is executed. The library's modules get pages, too: signatures, the comments beside the parameters as
tables, sources. Names of the library and numbers of chapters in prose become links. No page asks another host for anything.
"""
import argparse, ast, io, json, re, shutil, subprocess, sys, tempfile, tokenize
from configparser import ConfigParser
from pathlib import Path

from book import LIBRARY, ROOT, label, module_of, notebooks, number

CONF = '''
project, author, copyright = {title!r}, {author!r}, {copyright!r}
extensions = ['myst_nb', 'sphinx.ext.mathjax', 'sphinx-mathjax-offline']
html_theme, html_title, html_static_path, html_css_files = 'furo', {title!r}, ['_static'], ['site.css']
html_favicon, html_copy_source, html_show_sphinx = '_static/icon.svg', False, False
html_theme_options = dict(light_logo='icon.svg', dark_logo='icon.svg', navigation_with_keys=True, top_of_page_buttons=[])
pygments_style, pygments_dark_style, highlight_language, smartquotes = 'friendly', 'github-dark', 'text', False
nb_execution_mode, nb_merge_streams, nb_render_markdown_format, nb_ipywidgets_js = 'off', True, 'myst', {{}}
myst_enable_extensions, myst_heading_anchors = ['dollarmath', 'amsmath'], 4
add_module_names, maximum_signature_line_length, toc_object_entries_show_parents = False, 90, 'hide'
suppress_warnings = ['myst.header']  # a chapter may begin a cell with a heading of any level
'''

ICON = '''<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64"><rect x="6" y="6" width="38" height="38" rx="8" fill="#4c78a8" transform="rotate(-8 25 25)"/>
<rect x="22" y="22" width="36" height="36" rx="8" fill="#f58518" fill-opacity=".9" transform="rotate(9 40 40)"/></svg>
'''

CSS = '''
:root { --content: 62rem; }
body { --font-stack: system-ui, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif; --font-stack--monospace: ui-monospace, "DejaVu Sans Mono", "Noto Sans Mono", Menlo, Consolas, monospace;
  --color-brand-primary: #2f5d8a; --color-brand-content: #2f5d8a; --cell: #f6f7f9; --mark: #4c78a8; }
@media not print {
  body[data-theme="dark"] { --color-brand-primary: #8fb8e0; --color-brand-content: #8fb8e0; --cell: #1d2126; --mark: #6f9fd0; }
  @media (prefers-color-scheme: dark) { body:not([data-theme="light"]) { --color-brand-primary: #8fb8e0; --color-brand-content: #8fb8e0; --cell: #1d2126; --mark: #6f9fd0; } }
}
.content { width: var(--content); max-width: 100%; box-sizing: border-box; margin: 0 auto; }
@media (min-width: 63em) {
  .sidebar-drawer { width: 16rem; min-width: 16rem; }
  .sidebar-container { width: 16rem; }
  .main { min-width: 0; }
}
article { line-height: 1.6; }
article :is(p, ul, ol, blockquote) { max-width: 46rem; }
article h1 { font-size: 2.2rem; }
article h2 { font-size: 1.6rem; margin-top: 2.2rem; }
article h3 { font-size: 1.2rem; }
.sidebar-logo { max-width: 3rem; margin: 0 auto; }
.subtitle p { font-size: 1.15rem; color: var(--color-foreground-secondary); margin: -.4rem 0 .6rem; }
.about p { font-size: .85rem; margin: 0 0 1.6rem; color: var(--color-foreground-muted); }

/* cells */
div.cell div.cell_input { background: none; border: 0; border-radius: .3rem; border-left: 3px solid transparent; }
div.cell.tag_library div.cell_input { border-left-color: var(--mark); }
div.cell.tag_library, div.cell.tag_slow { position: relative; }
div.cell.tag_library::before, div.cell.tag_slow::before { position: absolute; right: .5rem; top: -.62rem; z-index: 1; padding: 0 .4rem; border-radius: .2rem;
  font-size: .62rem; line-height: 1rem; background: var(--mark); color: #fff; }
div.cell.tag_library::before { content: "library"; }
div.cell.tag_slow::before { content: "slow"; background: #b5651d; }
div.cell div.highlight pre, details.source div.highlight pre { font-size: .78rem; line-height: 1.45; padding: .6rem .8rem; overflow-x: auto; }
div.cell div.highlight, details.source div.highlight { background: var(--cell); border-radius: .3rem; }
div.cell div.cell_output { padding-left: 0; margin-top: .3rem; }
div.cell div.cell_output div.highlight { background: none; }
div.cell div.cell_output div.highlight pre { padding: .1rem .8rem; border-left: 3px solid var(--color-background-border); border-radius: 0; margin-left: 0; }
div.cell div.cell_output img { display: block; max-width: 100%; height: auto; }
article img { border-radius: .3rem; max-width: 100%; height: auto; }
body[data-theme="dark"] article img { background: #fff; padding: .3rem; }
@media (prefers-color-scheme: dark) { body:not([data-theme="light"]) article img { background: #fff; padding: .3rem; } }

/* tables, maths and links */
.table-wrapper { overflow-x: auto; width: auto; }
table.docutils { font-size: .85rem; margin: 0; box-shadow: none; border: 1px solid var(--color-background-border); }
table.docutils th { text-align: left; }
table.docutils p { margin: 0; }
div.math { overflow-x: auto; overflow-y: hidden; padding: .2rem 0; }
a code.xref, a > code { color: var(--color-brand-content); }
a.reference:has(> code) { text-decoration: none; }
a.reference:hover:has(> code) { text-decoration: underline; }

/* interfaces */
dl.py { margin-bottom: 1.8rem; }
dl.py > dt.sig { font-size: .85rem; background: var(--cell); border-radius: .3rem; padding: .25rem .6rem; margin: 0; text-indent: 0; }
dl.py > dd { margin-left: 1rem; }
dl.py .table-wrapper { margin: .4rem 0; }
div.made { position: relative; margin: .3rem 0 .6rem; }
div.made > p { position: absolute; right: 0; top: 0; font-size: .78rem; margin: 0; }
details.source > summary { cursor: pointer; font-size: .78rem; color: var(--color-foreground-muted); }

@media (max-width: 46em) {
  article h1 { font-size: 2rem; }
  div.cell div.highlight pre, details.source div.highlight pre { font-size: .7rem; }
}
'''

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


# ---- the library, read from its source ----

class Module:
    "A module's public names, with all that its page says about them."
    def __init__(self, path):
        self.path, self.source = path, path.read_text(encoding='utf-8')
        self.name = path.relative_to(ROOT).with_suffix('').as_posix().replace('/', '.')
        self.tree, self.lines = ast.parse(self.source), self.source.splitlines()
        self.doc = ast.get_docstring(self.tree) or ''
        tokens = tokenize.generate_tokens(io.StringIO(self.source).readline)
        self.comments = {t.start[0]: t.string.lstrip('# ') for t in tokens if t.type == tokenize.COMMENT and self.lines[t.start[0] - 1][:t.start[1]].strip()}
        self.cells = [(k, *m.groups()) for k, line in enumerate(self.lines, 1) if (m := re.match(r'# %% (\S+) #(\w+)', line))]
        defined = {name: node for node in self.tree.body for name in names_of(node)}
        public = next((ast.literal_eval(n.value) for n in self.tree.body if names_of(n) == ['__all__']), [])
        self.public = {name: defined[name] for name in public if name in defined}
        self.patched = [n for n in self.tree.body if isinstance(n, ast.FunctionDef) and patched_class(n)]

    def methods(self, name):
        "Public methods of a class, own and patched."
        own = [n for n in self.public[name].body if isinstance(n, ast.FunctionDef)]
        return [n for n in own + [p for p in self.patched if patched_class(p) == name] if n.name[0] != '_']

    def fields(self, name):
        "Annotated fields of a class: its parameters, where it is a dataclass or a named tuple."
        return [n for n in self.public[name].body if isinstance(n, ast.AnnAssign)]

    def text(self, node):
        "The source of a definition, decorators included."
        first = min([node.lineno] + [d.lineno for d in getattr(node, 'decorator_list', [])])
        return '\n'.join(self.lines[first - 1:node.end_lineno])

    def cell(self, node):
        "The notebook and the cell that a definition comes from: (name of the notebook, id of the cell)."
        found = [(Path(nb).name, cell) for line, nb, cell in self.cells if line < node.lineno]
        return found[-1] if found else None


def names_of(node):
    "Names that a statement of a module defines."
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)): return [] if patched_class(node) else [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [n.id for t in targets for n in (t.elts if isinstance(t, ast.Tuple) else [t]) if isinstance(n, ast.Name)]


def patched_class(node):
    "The class that a function marked `@patch` becomes a method of."
    if not any('patch' in ast.unparse(d).split('(')[0].split('.') for d in getattr(node, 'decorator_list', [])): return None
    return node.args.args[0].annotation and ast.unparse(node.args.args[0].annotation)


def modules():
    "The library's modules that have public names."
    found = (Module(p) for p in sorted((ROOT / LIBRARY).rglob('*.py')) if p.name[0] != '_')
    return [m for m in found if m.public]


class Names:
    "Finds what a name in prose means."
    def __init__(self, library):
        self.library, self.full = {m.name: m for m in library}, {}
        self.chapters = {p.stem.partition('_')[0]: p for p in notebooks() if number(p) and p.parent.name != 'solutions'}
        for m in library:
            for name, node in m.public.items():
                inner = [n.name for n in m.methods(name)] if isinstance(node, ast.ClassDef) else []
                for dotted in (name, *(f'{name}.{n}' for n in inner)): self.full.setdefault(dotted, []).append(f'{m.name}.{dotted}')

    def find(self, name, near):
        "The full name of a name in prose, or None; `near` are modules that go first, the page's own and those it imports."
        if name in self.library: return name
        if name.startswith(LIBRARY + '.'): return name if name in sum(self.full.values(), []) else None
        found = self.full.get(name, [])
        close = [f for module in near for f in found if f == f'{module}.{name}']
        return close[0] if close else found[0] if len(found) == 1 else None


# ---- pages of chapters ----

HIDDEN = re.compile(r'^#\s*\|\s*(hide|default_exp.*|include:\s*false)\s*$', re.M)
DIRECTIVE = re.compile(r'^#\s*\|.*\n?', re.M)
SPECIAL = re.compile(r'(```.*?```|~~~.*?~~~|(?<!`)`[^`\n]+`(?!`)|\$\$.*?\$\$|\$[^$\n]+\$|!?\[[^\]]*\]\([^)]*\)|^#+ .*?$|https?://\S+|www\.\S+)', re.S | re.M)
CHAPTER = re.compile(r'\b([Cc]hapters? )(\d\d[a-z]?(?:(?:, | and |, and | to )\d\d[a-z]?)*)\b')
WIDGET = 'application/vnd.jupyter.widget-view+json'


class Page:
    "One notebook on its way to the site."
    def __init__(self, path, names, config):
        self.path, self.names, self.config, self.name = path, names, config, label(path)
        self.nb = json.loads(path.read_text(encoding='utf-8'))
        self.up = '../' * self.name.count('/')
        self.module = module_of(path) and f'{LIBRARY}.{module_of(path)}'
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
        return [dict(cell, source=self.linked(text), metadata={})]

    def about(self):
        "The line below a chapter's title: where its module and its solutions are."
        links = [f'Module {{doc}}`{self.module} </api/{self.module}>`'] if self.module in self.names.library else []
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
            full = self.names.find(code[1], self.near)
            if full in self.names.library: return f'{{doc}}`{code[1]} </api/{full}>`'
            if full: return f'{{py:obj}}`{code[1]}{escaped(code[2] or "")} <{full}>`'
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
        found = self.names.chapters.get(key)
        return f'[{text}]({self.up}{found.name})' if found and found != self.path else text


def tags_of(cell):
    "What the directives of a code cell mean for its look."
    source = ''.join(cell['source'])
    flags = re.findall(r'^#\s*\|\s*(.+?)\s*$', source, re.M) if cell['cell_type'] == 'code' and not HIDDEN.search(source) else []
    words = {'export': 'library', 'exports': 'library', 'exporti': 'library', 'slow': 'slow', 'echo: false': 'remove-input', 'output: false': 'remove-output'}
    return sorted({words[f] for f in flags if f in words})


def escaped(text): return re.sub(r'([<>\\])', r'\\\1', text)


def shown(output):
    "An output as the site shows it, None if it does not: progress bars, and widgets, which need a running kernel."
    if output['output_type'] == 'stream': return None if output['name'] == 'stderr' else output
    data = output.get('data', {})
    return None if WIDGET in data or list(data) == ['application/javascript'] else output


def picture_title(source):
    "The title of a figure, for those who do not see it."
    found = re.search(r"""(?:suptitle\(|suptitle=|title=|set_title\()\s*'([^'{]+)'""", source)
    return found and found[1]


# ---- pages of the library ----

def fenced(kind, head, body, options=''):
    "A directive around a body that may hold fences itself."
    ticks = '`' * (max([2] + [len(m) for m in re.findall(r'^`{3,}', body, re.M)]) + 1)
    return f'{ticks}{{{kind}}} {head}\n{options}\n{body}\n{ticks}\n'


class ModulePage:
    "The page of one module."
    def __init__(self, module, cells): self.module, self.cells = module, cells

    def markdown(self):
        m, parts = self.module, []
        for name, node in m.public.items():
            if isinstance(node, ast.ClassDef): parts.append(self.klass(name, node))
            elif isinstance(node, ast.FunctionDef): parts.append(self.function('py:function', name, node, node.args.args))
            else: parts.append(self.value(name, node))
        return f'# {m.name}\n\n```{{container}} subtitle\n{m.doc}\n```\n\n{self.chapter()}\n\n```{{py:module}} {m.name}\n```\n\n' + '\n'.join(parts)

    def chapter(self):
        "Where the module is explained."
        found = [p for p in notebooks() if module_of(p) and f'{LIBRARY}.{module_of(p)}' == self.module.name]
        return ''.join(f'Built and explained in [chapter {title(p)}](../{p.name}).' for p in found)

    def function(self, kind, name, node, arguments, prefix=''):
        "A function or a method."
        required = len(node.args.args) - len(node.args.defaults)
        defaults = dict(zip([a.arg for a in node.args.args[required:]], node.args.defaults))
        defaults |= {a.arg: d for a, d in zip(node.args.kwonlyargs, node.args.kw_defaults) if d}
        rows = [(a.arg, a.annotation, defaults.get(a.arg), self.comment(a.lineno, node)) for a in arguments + node.args.kwonlyargs]
        back = self.comment_of_result(node)
        table = self.table(rows, node.returns, back)
        if node.args.vararg: arguments = [*arguments, ast.arg('*' + node.args.vararg.arg)]
        elif node.args.kwonlyargs: arguments = [*arguments, ast.arg('*')]
        written = [a.arg + (f'={ast.unparse(defaults[a.arg])}' if a.arg in defaults else '') for a in arguments + node.args.kwonlyargs]
        if node.args.kwarg: written.append('**' + node.args.kwarg.arg)
        call = '' if kind == 'py:property' else f'({", ".join(written)})'
        return fenced(kind, f'{prefix}{name}{call}', f'{ast.get_docstring(node) or ""}\n\n{table}\n{self.source(node)}')

    def klass(self, name, node):
        "A class: its fields or the parameters of `__init__`, its methods."
        fields, init = self.module.fields(name), next((n for n in node.body if getattr(n, 'name', '') == '__init__'), None)
        if fields:
            rows = [(f.target.id, f.annotation, f.value, self.module.comments.get(f.lineno, '')) for f in fields]
            written = [f.target.id + (f'={ast.unparse(f.value)}' if f.value else '') for f in fields]
        else:
            arguments = init.args.args[1:] + init.args.kwonlyargs if init else []
            values = dict(zip([a.arg for a in reversed(init.args.args)], reversed(init.args.defaults))) if init else {}
            values |= {a.arg: d for a, d in zip(init.args.kwonlyargs, init.args.kw_defaults) if d} if init else {}
            rows = [(a.arg, a.annotation, values.get(a.arg), self.comment(a.lineno, init)) for a in arguments]
            written = [a.arg + (f'={ast.unparse(values[a.arg])}' if a.arg in values else '') for a in arguments]
        body = f'{ast.get_docstring(node) or ""}\n\n{self.table(rows)}\n{self.source(node)}'
        for method in self.module.methods(name):
            marks = [ast.unparse(d) for d in method.decorator_list]
            kind = 'py:property' if any(d in ('property', 'cached_property', 'patch(as_prop=True)') for d in marks) else 'py:method'
            first = 0 if 'staticmethod' in marks else 1
            body += '\n' + self.function(kind, method.name, method, method.args.args[first:])
        return fenced('py:class', f'{name}({", ".join(written)})' if written else name, body)

    def value(self, name, node):
        "A constant."
        value = ast.unparse(node.value) if node.value else ''
        options = f':value: "{value}"\n' if value and len(value) < 60 and '"' not in value and '\\' not in value else ''
        return fenced('py:data', name, f'{self.module.comments.get(node.lineno, "")}\n\n{self.source(node)}', options)

    def table(self, rows, returns=None, back=''):
        "Parameters and the result as a table; nothing if nothing is said about them."
        if not any(comment or kind for _, kind, _, comment in rows) and not returns and not back: return ''
        code = lambda node: f'`{ast.unparse(node)}`'.replace('|', '\\|') if node is not None else ''
        cell = lambda text: text.replace('|', '\\|').replace('$', '\\$').replace('*', '\\*').replace('<', '\\<').replace('[', '\\[')
        lines = [('name', 'type', 'default', 'meaning')] + [(f'`{n}`', code(k), code(d), cell(c)) for n, k, d, c in rows]
        if returns or back: lines.append(('*returns*', code(returns), '', cell(back)))
        kept = [k for k in range(4) if any(line[k] for line in lines[1:])]
        lines = [[line[k] for k in kept] for line in lines]
        return '\n'.join('| ' + ' | '.join(line) + ' |' for line in [lines[0], ['---'] * len(kept), *lines[1:]]) + '\n'

    def comment(self, line, node):
        "The comment beside a parameter that has a line of its own."
        alone = sum(a.lineno == line for a in node.args.args + node.args.kwonlyargs) == 1 and line != node.lineno
        return self.module.comments.get(line, '') if alone else ''

    def comment_of_result(self, node):
        "The comment beside the result, on the line that ends the signature."
        last = max([a.end_lineno for a in node.args.args + node.args.kwonlyargs] + [node.lineno])
        return next((self.module.comments[k] for k in range(last + 1, node.body[0].lineno) if k in self.module.comments), '')

    def source(self, node):
        "A link to the cell where it is made, and the source, folded."
        cell = self.module.cell(node)
        if cell and cell[1] not in self.cells: cell = None
        where = f'{{ref}}`chapter {Path(cell[0]).stem.partition("_")[0]} <cell-{cell[1]}>`' if cell else ''
        html = lambda text: f'```{{raw}} html\n{text}\n```\n'
        body = html('<details class="source"><summary>source</summary>') + f'```python\n{self.module.text(node)}\n```\n' + html('</details>')
        return fenced('container', 'made', where + '\n\n' + body)


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
    config, library = parser['DEFAULT'], modules()
    names = Names(library)
    pages = [Page(p, names, config) for p in notebooks()]
    put = lambda name, text: ((folder / name).parent.mkdir(parents=True, exist_ok=True), (folder / name).write_text(text, encoding='utf-8'))
    put('conf.py', CONF.format(**{k: config[k] for k in ('title', 'author', 'copyright')}))
    put('_static/site.css', CSS)
    put('_static/icon.svg', ICON)
    for page in pages:
        nb = page.notebook()
        if page.name == 'index': nb['cells'].append(dict(cell_type='markdown', id='contents', metadata={}, source=navigation(pages)))
        put(f'{page.name}.ipynb', json.dumps(nb))
    cells = {c['id'] for page in pages for c in page.nb['cells'] if 'library' in tags_of(c)}
    for module in library: put(f'api/{module.name}.md', ModulePage(module, cells).markdown())
    rows = [f'| {{doc}}`{m.name} <{m.name}>` | {m.doc.splitlines()[0] if m.doc else ""} |' for m in library]
    put('api/index.md', '# Modules\n\nAll public names of the library, written by the chapters.\n\n| module | |\n|---|---|\n' + '\n'.join(rows) + '\n\n'
        + tree('', [f'{m.name.removeprefix(LIBRARY + ".")} <{m.name}>' for m in library]))
    solutions = [p for p in pages if p.path.parent.name == 'solutions']
    put('solutions/index.md', '# Solutions\n\nWorked answers to the exercises. Try first: a checker below each exercise says whether you are right.\n\n'
        + '\n'.join(f'- [{title(p.path)}]({p.path.name})' for p in solutions) + '\n\n' + tree('', [f'{title(p.path)} <{p.path.stem}>' for p in solutions]))
    shutil.copy(ROOT / 'CONTRIBUTING.md', folder / 'contributing.md')
    for extra in (p for p in (ROOT / 'nbs').iterdir() if p.is_dir() and p.name[0] not in '._' and p.name != 'solutions'):
        shutil.copytree(extra, folder / extra.name, ignore=shutil.ignore_patterns('.*', '*.ipynb'), dirs_exist_ok=True)
    return len(pages), len(library)


def build(out):
    "Build the site in a temporary folder; it takes the place of the old one when it is whole."
    with tempfile.TemporaryDirectory() as tmp:
        source, html, doctrees = (Path(tmp) / name for name in ('source', 'html', 'doctrees'))
        source.mkdir()
        counts = write(source)
        done = subprocess.run([sys.executable, '-m', 'sphinx', '-q', '-W', '--keep-going', '-b', 'html', '-d', doctrees, source, html])
        if done.returncode: sys.exit('docs: the site has warnings')
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(html, out)
    print(f'docs: {counts[0]} notebooks and {counts[1]} modules; open {out / "index.html"}')


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--out', type=Path, default=ROOT / '_docs')
    parser.add_argument('--source', type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    write(args.source) if args.source else build(args.out)


if __name__ == '__main__': main()
