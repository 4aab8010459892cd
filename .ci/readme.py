"""Write README.md from nbs/index.ipynb: `python .ci/readme.py` (`--check`: only say whether it is current)."""
import json, posixpath, re, sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOTE = '<!-- Made from nbs/index.ipynb by `make export`: edit the notebook. -->\n'
NO_PICTURE = 'index.ipynb holds a picture: put it into nbs/images/ and show it by ![what it shows](images/name.png)'
LINK = re.compile(r'(\]\(|\b(?:src|href)=")(?![a-z]+:|[#/])([^)"\s]+)')


def from_root(match):
    "A link that is relative to nbs/, made relative to the root: images/a.png -> nbs/images/a.png, ../LICENSE -> LICENSE."
    return match[1] + posixpath.normpath('nbs/' + match[2])


def text_of(output):
    "The text of one output, fenced; markdown as it is."
    if output['output_type'] == 'stream': text = output['text'] if output['name'] == 'stdout' else ''
    elif 'text/markdown' in output.get('data', {}): return ''.join(output['data']['text/markdown'])
    elif any(kind.startswith('image/') for kind in output.get('data', {})): sys.exit(NO_PICTURE)
    else: text = output.get('data', {}).get('text/plain', '')
    text = ''.join(text).rstrip()
    return f'```text\n{text}\n```' if text else ''


def blocks(cell):
    "A cell as a list of pieces of markdown."
    source = ''.join(cell['source'])
    flags = re.findall(r'^#\s*\|\s*(.+?)\s*$', source, re.M)
    if cell['cell_type'] == 'markdown':
        if 'attachment:' in source: sys.exit(NO_PICTURE)
        return [LINK.sub(from_root, source)]
    if cell['cell_type'] != 'code' or {'hide', 'default_exp'} & {f.split()[0] for f in flags}: return []
    code = re.sub(r'^#\s*\|.*\n?', '', source, flags=re.M).strip()
    shown = [f'```python\n{code}\n```'] if code and 'echo: false' not in flags else []
    return shown + ([] if 'output: false' in flags else [text_of(o) for o in cell['outputs']])


def readme():
    "The text of README.md."
    index = ROOT / 'nbs/index.ipynb'
    if not index.exists(): sys.exit('nbs/index.ipynb is missing')
    cells = json.loads(index.read_text(encoding='utf-8'))['cells']
    return NOTE + '\n' + '\n\n'.join(b.strip() for c in cells for b in blocks(c) if b.strip()) + '\n'


def main():
    path, text = ROOT / 'README.md', readme()
    if '--check' not in sys.argv[1:]: path.write_text(text, encoding='utf-8')
    elif not path.exists() or path.read_text(encoding='utf-8') != text:
        sys.exit('README.md differs from nbs/index.ipynb: run `make export`')


if __name__ == '__main__': main()
