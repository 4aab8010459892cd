"Sphinx's settings, and what autodoc adds to the entries of the library: the comments beside the parameters, and the cell where a name is made."
import inspect, re
from configparser import ConfigParser
from pathlib import Path

from fastcore.docments import docments

ROOT = Path(__file__).resolve().parent.parent
parser = ConfigParser(delimiters=['='])
parser.read(ROOT / 'settings.ini', encoding='utf-8')
project, author, copyright = (parser['DEFAULT'][k] for k in ('title', 'author', 'copyright'))

extensions = ['myst_nb', 'sphinx.ext.autodoc', 'sphinx.ext.viewcode', 'sphinx.ext.mathjax', 'sphinx-mathjax-offline']
html_theme, html_title, html_static_path, html_css_files = 'furo', project, ['site'], ['site.css']
html_favicon, html_copy_source, html_show_sphinx = 'site/icon.svg', False, False
html_theme_options = dict(light_logo='icon.svg', dark_logo='icon.svg', navigation_with_keys=True, top_of_page_buttons=[])
pygments_style, pygments_dark_style, highlight_language, smartquotes = 'friendly', 'github-dark', 'text', False
nb_execution_mode, nb_merge_streams, nb_render_markdown_format, nb_ipywidgets_js = 'off', True, 'myst', {}
myst_enable_extensions, myst_heading_anchors = ['dollarmath', 'amsmath'], 4
add_module_names, maximum_signature_line_length, toc_object_entries_show_parents, default_role = False, 90, 'hide', 'py:obj'
autodoc_default_options = dict(members=True, **{'undoc-members': True, 'member-order': 'bysource'})
autodoc_typehints, autodoc_inherit_docstrings, autodoc_preserve_defaults = 'none', False, True
suppress_warnings = ['myst.header']  # a chapter may begin a cell with a heading of any level


def escaped(text):
    "Plain text as reStructuredText; what stands in backticks is a name or code."
    pieces = re.split(r'(`+[^`]+`+)', text)
    return ''.join(f'``{p.strip("`")}``' if k % 2 and not re.fullmatch(r'`[\w.]+`', p) else p if k % 2 else re.sub(r'([\\*_|`])', r'\\\1', p)
                   for k, p in enumerate(pieces))


def made(thing):
    "A link to the cell where a function or a class is made."
    try: lines, first = inspect.getsourcelines(thing)
    except (OSError, TypeError): return []
    above = inspect.getsource(inspect.getmodule(thing)).splitlines()[:first]
    cell = next((m for line in reversed(above) if (m := re.match(r'# %% \S+?(\d\d[a-z]?)_\w+\.ipynb #(\w+)', line))), None)
    return [f'Made in :ref:`chapter {cell[1]} <cell-{cell[2]}>`.', ''] if cell else []


def document(app, what, name, thing, options, lines):
    "Complete the docstring of one name."
    thing = inspect.unwrap(thing.fget if isinstance(thing, property) else thing) if callable(thing) or isinstance(thing, property) else thing
    lines[:] = [escaped(line) for line in lines] if thing.__class__.__module__ != 'builtins' or callable(thing) else []
    if what not in ('function', 'method', 'property', 'class'): return
    with_default = lambda p: f'{escaped(p.docment or "")}'
    try: said = docments(thing, full=True, returns=what != 'class')
    except Exception: said = {}
    lines.append('')
    for key, p in said.items():
        kind = inspect.formatannotation(p.anno) if p.anno not in (None, inspect.Parameter.empty) else ''
        if key in ('self', 'cls') or not (p.docment or kind): continue
        field, kinds = ('returns', 'rtype') if key == 'return' else (f'param {key}', f'type {key}')
        if p.docment: lines.append(f':{field}: {with_default(p)}')
        if kind: lines.append(f':{kinds}: ``{kind}``')
    lines += ['', *made(thing)]


def setup(app): app.connect('autodoc-process-docstring', document)
