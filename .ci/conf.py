"Sphinx's settings, and what is added to its pages: comments beside parameters, where a name is made, links from names and chapters' numbers."
import inspect, re
from contextlib import suppress

from docutils import nodes
from fastcore.docments import docments
from sphinx import addnodes
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import rst

from book import CHAPTER, LIBRARY, NUMBER, SETTINGS, chapters, label, number

project, author, copyright = (SETTINGS[k] for k in ('title', 'author', 'copyright'))

extensions = ['myst_nb', 'sphinx.ext.autodoc', 'sphinx.ext.viewcode', 'sphinx.ext.mathjax', 'sphinx-mathjax-offline']
html_theme, html_title, html_static_path, html_css_files = 'furo', project, ['site'], ['site.css']
html_favicon, html_copy_source, html_show_sphinx = 'site/icon.svg', False, False
fonts = {'font-stack': 'system-ui, "Noto Sans", "DejaVu Sans", sans-serif', 'font-stack--monospace': 'ui-monospace, "DejaVu Sans Mono", monospace'}
light = dict(zip(('color-brand-primary', 'color-brand-content', 'cell', 'mark', 'paper'), ('#2f5d8a', '#2f5d8a', '#f6f7f9', '#4c78a8', 'none')))
dark = dict(zip(light, ('#8fb8e0', '#8fb8e0', '#1d2126', '#6f9fd0', '#fff')))
html_theme_options = dict(light_logo='icon.svg', dark_logo='icon.svg', navigation_with_keys=True, top_of_page_buttons=[],
                          light_css_variables=fonts | light, dark_css_variables=dark)
pygments_style, pygments_dark_style, highlight_language, smartquotes = 'friendly', 'github-dark', 'text', False
nb_execution_mode, nb_merge_streams, nb_output_stderr, nb_render_markdown_format, nb_ipywidgets_js = 'off', True, 'remove', 'myst', {}
myst_enable_extensions, myst_heading_anchors = ['dollarmath', 'amsmath'], 4
add_module_names, maximum_signature_line_length, toc_object_entries_show_parents = False, 90, 'hide'
autodoc_default_options = dict(members=True, **{'undoc-members': True, 'member-order': 'bysource'})
autodoc_typehints, autodoc_typehints_description_target, autodoc_inherit_docstrings = 'description', 'documented_params', False
suppress_warnings = ['myst.header']  # a chapter may begin a cell with a heading of any level


def escaped(text):
    "Plain text with `code` as reStructuredText."
    return ''.join(f'``{piece}``\\ ' if k % 2 else rst.escape(piece) for k, piece in enumerate(re.split('`+', text)))


def made(thing):
    "A link to the cell where a function or a class is made."
    first = inspect.getsourcelines(thing)[1]
    above = ''.join(inspect.getsourcelines(inspect.getmodule(thing))[0][:first])
    key, cell = re.findall(r'^# %% \S+?(\d\d[a-z]?)_\w+\.ipynb #(\w+)', above, re.M)[-1]
    return f'Made in :ref:`chapter {key} <cell-{cell}>`.'


def document(app, what, name, thing, options, lines):
    "Complete the docstring of one name."
    if what in ('data', 'attribute'): return lines.clear()
    lines[:] = [*map(escaped, lines), '']
    if what == 'module': return
    thing = inspect.unwrap(getattr(thing, 'fget', None) or getattr(thing, 'func', thing))
    to = getattr(thing, '__delwrap__', None)  # `@delegates` to a dataclass: docments looks for the source of its __init__, which has none
    if to: del thing.__delwrap__
    said = docments(thing, returns=what != 'class')
    if to: said |= {key: text for key, text in docments(to.__globals__[to.__qualname__.split('.')[0]]).items() if key in said and not said[key]}
    for key, text in said.items():
        if text and key not in ('self', 'cls'): lines.append(f':returns: {escaped(text)}' if key == 'return' else f':param {key}: {escaped(text)}')
    with suppress(OSError, TypeError, LookupError): lines += ['', made(thing)]


def skipped(app, what, name, thing, skip, options):
    "Fields stand among the parameters of their class."
    return True if what == 'class' and not callable(thing) and not hasattr(thing, '__get__') else None


class Links(SphinxPostTransform):
    "Names of the library in backticks and the numbers in `chapters 04 and 05` become links."
    default_priority = 1  # before Sphinx resolves links
    CHAPTERS = {p.stem.partition('_')[0]: label(p) for p in chapters() if number(p)}

    def link(self, node, domain, kind, target):
        here = self.env.docname
        return addnodes.pending_xref('', node, refdomain=domain, reftype=kind, reftarget=target, refdoc=here, refexplicit=True, refwarn=True)

    def run(self):
        for node in [*self.document.findall(nodes.Text)]:
            outer = node.parent
            if isinstance(outer, nodes.literal) and not isinstance(outer.parent, (nodes.reference, nodes.title, addnodes.pending_xref)):
                name = re.fullmatch(r'([A-Za-z_][\w.]*)(\(.*\))?', node, re.S)
                if full := name and self.full(name[1]): outer.replace_self(self.link(outer.deepcopy(), 'py', 'obj', full))
            elif isinstance(outer, (nodes.paragraph, nodes.emphasis, nodes.strong, nodes.entry)): outer.replace(node, self.numbers(node))

    def full(self, name):
        "What a name in backticks means: modules that the page mentions go first, its own and those it imports; else there must be but one."
        python = self.env.domains.python_domain
        if name.startswith(LIBRARY): return name if name in python.objects else None
        found = [f'{module}.{name}' for module in python.modules if f'{module}.{name}' in python.objects]
        near = [f'{module}.{name}' for module in re.findall(rf'{LIBRARY}[.\w]*', self.document.astext())]
        return next((f for f in near if f in found), found[0] if len(found) == 1 else None)

    def numbers(self, text):
        "Text with links from the numbers of other chapters."
        at, pieces = 0, []
        for m in (n for found in CHAPTER.finditer(text) for n in NUMBER.finditer(text, *found.span(1))):
            target = self.CHAPTERS.get(m[0], self.env.docname)
            if target == self.env.docname: continue
            pieces += [nodes.Text(text[at:m.start()]), self.link(nodes.inline('', m[0]), 'std', 'doc', f'/{target}')]
            at = m.end()
        return [*pieces, nodes.Text(text[at:])]


def setup(app):
    app.connect('autodoc-process-docstring', document)
    app.connect('autodoc-skip-member', skipped)
    app.add_post_transform(Links)
