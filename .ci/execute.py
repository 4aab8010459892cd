"""Run chapters and save their outputs: `python .ci/execute.py [--slow] nbs/01_video.ipynb ...` (all chapters by default).

Cells that start with `#| slow` keep the outputs they have unless `--slow` is given; so do cells marked `eval: false`.
Notebooks run in a fresh process each, with the working directory of the notebook, and are cleaned afterwards.
"""
import os, subprocess, sys
from pathlib import Path

from book import ROOT, chapters, flags


def execute(path, slow):
    "Run one notebook in this process, in place."
    from execnb.nbio import read_nb, write_nb
    from execnb.shell import CaptureShell
    kept = lambda cell: cell.cell_type != 'code' or 'eval: false' in flags(cell.source) or ('slow' in flags(cell.source) and not slow)
    os.chdir(path.parent)
    nb, shell = read_nb(path), CaptureShell(path.parent, mpl_format='png')
    shell.run_all(nb, exc_stop=True, preproc=kept)
    if shell.exc: sys.exit(f'{path.name}: {shell.exc[1]!r}')
    write_nb(nb, path)


def main(arguments):
    "Run each notebook in a process of its own, then clean it."
    options, env = [a for a in arguments if a == '--slow'], os.environ | dict(IN_TEST='1', OMP_NUM_THREADS='1', OMP_WAIT_POLICY='PASSIVE')  # as the tests do
    failed = []
    for p in [Path(a).resolve() for a in arguments if a not in options] or chapters():
        if subprocess.run([sys.executable, __file__, '--here', p, *options], env=env, cwd=ROOT).returncode: failed.append(p.name)
        else: subprocess.run([Path(sys.executable).with_name('nbdev_clean'), '--fname', p], cwd=ROOT, check=True)
    if failed: sys.exit(f'failed: {" ".join(failed)}')


if __name__ == '__main__':
    if sys.argv[1:2] == ['--here']: execute(Path(sys.argv[2]), '--slow' in sys.argv)
    else: main(sys.argv[1:])
