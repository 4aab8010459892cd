"""Slides of the lectures, made from the chapters' own cells: `make slides`, or `python .ci/slides.py FOLDER [04_flow ...]`.

To the right goes the story: a slide for each heading, figure and table. Below are the functions that the library keeps.
A slide shows the first paragraph of what the chapter says there; formulas, lists, tables and sketches it shows whole. The speaker's notes (key S)
hold all of it. Decks open without a network: reveal.js comes from the package sphinx-revealjs, MathJax from sphinx-mathjax-offline.
"""
import re, shutil, sys
from importlib.util import find_spec
from pathlib import Path

from nbconvert import SlidesExporter
from nbformat.v4 import new_markdown_cell, new_notebook
from traitlets.config import Config

from book import MARK, ROOT, caption, cells, flags, module_of, plain, whole_numbers

WHOLE = re.compile(r'^(#|>|\$\$|```|\||[-*] |\d+\. |!\[)', re.M)  # how a block begins that is shown whole
ROOM, LINES, ROWS = 400, 15, 18  # characters of text and lines of code that fit on one slide; rows of a table


def short(text):
    "The first paragraph, those that lead to a list, and all blocks that are no paragraphs; without links to what is not beside a deck."
    blocks = re.findall(r'```.*?```|\S.*?(?=\n\s*\n|\Z)', re.sub(r'(?<!!)\[([^]]*)\]\((?!https?:)[^)]*\)', r'\1', text), re.S)
    first = next((b for b in blocks if not WHOLE.match(b)), '')
    if first[-1:].isalnum(): blocks[blocks.index(first)], first = 2*[f'{first} ...']  # a value follows there
    return '\n\n'.join(b for b in blocks if b == first or b.endswith(':') or WHOLE.search(b))


def result(cell):
    "The figure or the short table of a code cell, {type: data}; empty if it has none."
    found = [{kind: o.data[kind]} for o in cell.outputs for kind in ('image/png', 'image/gif', 'text/markdown') if kind in o.get('data', {})]
    return next((f for f in found if f.get('text/markdown', '').count('\n') < ROWS), {})


def is_shown(cell, kept):
    "Has a code cell such a result, or does it make what the chapter is about? `kept`: that is what the library keeps."
    makes = re.search(r'^(class|def) ', cell.source, re.M) and 'hide' not in flags(cell)
    return result(cell) or makes and (not kept or {'export', 'exports'} & set(flags(cell)))


def groups(path):
    "A chapter as pairs of a text and the code cell that it leads to; either may be missing."
    text, kept = '', module_of(path)
    for cell in cells(path):
        if cell.cell_type == 'code' and is_shown(cell, kept):
            yield text, cell
            text = ''
        elif cell.cell_type == 'markdown' and not cell.source.startswith(MARK):
            for piece in filter(str.strip, re.split(r'^(?=#{1,4} )', cell.source, flags=re.M)):
                if text: yield text, None
                text = piece.strip()
    if text: yield text, None


def slide(kind, text, cell=None, notes=''):
    "A slide as cells: what is shown, and the speaker's notes."
    below, shown = result(cell) if cell else {}, new_markdown_cell(text)
    if 'text/markdown' in below: shown.source += f'\n\n{below["text/markdown"]}'
    elif below: shown |= dict(source=f'{text}\n\n![{caption(cell)}](attachment:figure)', attachments=dict(figure=below))
    elif cell: shown.source += f'\n\n```python\n{plain(cell)}\n```'
    made = [(kind, shown)] + [('notes', new_markdown_cell(notes))]*bool(notes)
    for kind, c in made: c.metadata.slideshow = dict(slide_type=kind)
    return [c for _, c in made]


def deck(path):
    "A chapter as a notebook whose cells are slides and notes."
    made, section, left = [], '', ''
    for text, cell in groups(path):
        head, said, notes, left = re.match(r'##? (.+)', text), short(text), f'{left}\n\n{text}'.strip(), ''
        if head: section = head[1]
        where = '' if head else f'<small>{section}</small>\n\n'
        if cell and head and not (len(said) < ROOM and (result(cell) or len(plain(cell).splitlines()) < LINES)):
            made += slide('slide', said, None, notes)
            said, notes, head, where = '', '', None, f'<small>{section}</small>\n\n'
        if cell: made += slide('slide' if head or result(cell) else 'subslide', where + said, cell, notes)
        elif head: made += slide('slide', said, None, notes if said != text else '')
        elif section == 'Exercises': made[-1].source += f'\n\n{said}'
        elif WHOLE.search(said) or len(made) < 3: made += slide('slide', where + said, None, notes)
        else: left = notes
    return new_notebook(cells=made)


def write(path, out):
    "Write the deck of a chapter; how many slides has it?"
    exporter = SlidesExporter(config=Config(CSSHTMLHeaderPreprocessor=dict(style='friendly')), extra_template_basedirs=[str(ROOT / '.ci')],
                              template_name='slides', embed_images=True, reveal_url_prefix='reveal.js', reveal_theme='white')
    page, _ = exporter.from_notebook_node(nb := deck(path), dict(metadata=dict(name=path.stem, path=str(path.parent))))
    (out / f'{path.stem}.html').write_text(page, encoding='utf-8')
    return sum(c.metadata.slideshow.slide_type != 'notes' for c in nb.cells)


if __name__ == '__main__':
    out, names = Path(sys.argv[1]), sys.argv[2:]
    reveal, mathjax = (Path(find_spec(name).origin).parent for name in ('sphinx_revealjs', 'sphinx-mathjax-offline'))
    for part in ('dist', 'plugin/notes'): shutil.copytree(reveal / '_static/revealjs' / part, out / 'reveal.js' / part, dirs_exist_ok=True)
    shutil.copy(mathjax / 'static/mathjax/tex-svg.js', out / 'reveal.js')
    for path in whole_numbers():
        if not names or path.stem in names: print(f'{path.stem:22} {write(path, out):3} slides', flush=True)
