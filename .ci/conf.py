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
autodoc_typehints, autodoc_inherit_docstrings = 'none', False
suppress_warnings = ['myst.header']  # a chapter may begin a cell with a heading of any level


def escaped(text):
    "Plain text as reStructuredText; what stands in backticks is a name or code."
    code = lambda p: (p if re.fullmatch(r'`[A-Za-z_][\w.]*`', p) else f'``{p.strip("`")}``') + '\\ '
    return ''.join(code(p) if k % 2 else re.sub(r'([\\*_|`])', r'\\\1', p) for k, p in enumerate(re.split(r'(`+[^`]+`+)', text)))


def made(thing):
    "A link to the cell where a function or a class is made."
    try: lines, first = inspect.getsourcelines(thing)
    except (OSError, TypeError): return []
    above = inspect.getsource(inspect.getmodule(thing)).splitlines()[:first]
    cell = next((m for line in reversed(above) if (m := re.match(r'# %% \S+?(\d\d[a-z]?)_\w+\.ipynb #(\w+)', line))), None)
    return [f'Made in :ref:`chapter {cell[1]} <cell-{cell[2]}>`.', ''] if cell else []


def document(app, what, name, thing, options, lines):
    "Complete the docstring of one name."
    if what in ('data', 'attribute'): return lines.clear()
    lines[:] = [*map(escaped, lines), '']
    if what == 'module': return
    thing = inspect.unwrap(getattr(thing, 'fget', None) or getattr(thing, 'func', thing))
    to = getattr(thing, '__delwrap__', None)  # `@delegates` to a dataclass: docments looks for the source of its __init__, which has none
    if to: del thing.__delwrap__
    said = docments(thing, full=True, returns=what != 'class')
    for key, p in docments(to.__globals__[to.__qualname__.split('.')[0]], full=True).items() if to else ():
        if key in said and not said[key].docment: said[key] = p
    for key, p in said.items():
        kind = re.sub(r'\b[a-z_.]+\.(?=[A-Z])', '', inspect.formatannotation(p.anno)) if p.anno not in (None, type(None), inspect.Parameter.empty) else ''
        for field, text in zip(('returns', 'rtype') if key == 'return' else (f'param {key}', f'type {key}'), (escaped(p.docment or ''), kind and f'``{kind}``')):
            if text and key not in ('self', 'cls'): lines += [f':{field}: {text}']
    lines += ['', *made(thing)]


def skipped(app, what, name, thing, skip, options):
    "Fields stand among the parameters of their class."
    return True if what == 'class' and not callable(thing) and not hasattr(thing, '__get__') else None


def setup(app):
    app.connect('autodoc-process-docstring', document)
    app.connect('autodoc-skip-member', skipped)
