"""Write README.md from nbs/index.ipynb: `python .ci/readme.py` (`--check`: only say whether it is current)."""
import posixpath, re, sys

from book import ROOT, cells, flags, plain

NOTE = '<!-- Made from nbs/index.ipynb by `make export`: edit the notebook. -->\n'
TAG = re.compile(r'<!--=.+?-->')  # where a number comes from
LINK = re.compile(r'(\]\(|\b(?:src|href)=")(?![a-z]+:|[#/])([^)"\s]+)')  # one that is relative to nbs/: images/a.png, ../LICENSE


def text_of(output):
    "The text of one output, fenced; markdown as it is."
    data = output.get('data', {})
    if 'image/' in ' '.join(data): sys.exit('index.ipynb holds a picture: put it into nbs/images/, show it by ![..](images/name.png)')
    if 'text/markdown' in data: return data['text/markdown']
    text = output.get('text', data.get('text/plain', '')).rstrip()
    return f'```text\n{text}\n```' if text and output.get('name') != 'stderr' else ''


def blocks(cell):
    "A cell as a list of pieces of markdown."
    if cell.cell_type == 'markdown': return [LINK.sub(lambda m: m[1] + posixpath.normpath('nbs/' + m[2]), TAG.sub('', cell.source))]
    said, code = ' '.join(flags(cell)), plain(cell)
    if re.search('hide|default_exp', said): return []
    shown = [f'```python\n{code}\n```'] if code and 'echo: false' not in said else []
    return shown + ([] if 'output: false' in said else [text_of(o) for o in cell.outputs])


if __name__ == '__main__':
    path, texts = ROOT / 'README.md', [b.strip() for c in cells(ROOT / 'nbs/index.ipynb') for b in blocks(c)]
    text = NOTE + '\n' + '\n\n'.join(filter(None, texts)) + '\n'
    if '--check' not in sys.argv[1:]: path.write_text(text, encoding='utf-8')
    elif not path.exists() or path.read_text(encoding='utf-8') != text: sys.exit('README.md differs from nbs/index.ipynb: run `make export`')
