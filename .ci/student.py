"""What a class gets: a copy of the chapters without solutions, with answers sealed: `make student`, or `python .ci/student.py [FOLDER]`.

Links to solutions go, and so do numbers that the course expects (*Expected: ...*). What somebody wrote into an answer's cell is taken out again.
The chapters read saved results from ../data, so that folder comes along.
"""
import re, shutil, sys
from pathlib import Path

from execnb.nbio import read_nb, write_nb

from book import ROOT, chapters

ANSWERED = re.compile(r'^answer = (?!None\b).*?(?=  #|$)', re.M)
CHECK = re.compile(r'^check\(answer\b', re.M)


def sealed(path):
    "A chapter as a class gets it."
    nb = read_nb(path)
    for cell in nb.cells:
        if cell.cell_type == 'markdown':
            cell.source = re.sub(r'\[([^]]*)\]\(solutions/[^)]*\)', r'\1 (which your teacher keeps)', cell.source)
            cell.source = re.sub(r' ?\*Expected: [^*]*\*', '', cell.source)
        elif CHECK.search(cell.source) and ANSWERED.search(cell.source):
            cell.source, cell.outputs, cell.execution_count = ANSWERED.sub('answer = None', cell.source), [], None
    return nb


def write(out):
    "Write the copy; a copy that is there goes."
    if (out / 'settings.ini').exists(): sys.exit('student: that folder is the project itself')
    shutil.rmtree(out, ignore_errors=True)
    skipped = shutil.ignore_patterns('solutions', '*.ipynb', '.*', '_*')
    for name in ('nbs', 'data'): shutil.copytree(ROOT / name, out / name, ignore=skipped)
    for path in chapters(): write_nb(sealed(path), out / 'nbs' / path.name)
    print(f'student: {len(chapters())} notebooks without solutions in {out / "nbs"}')


if __name__ == '__main__': write(Path(sys.argv[1] if sys.argv[1:] else ROOT / 'out/student'))
