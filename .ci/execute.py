"""Run chapters and save their outputs: `python .ci/execute.py [--slow] nbs/00_video.ipynb ...` (all chapters by default).

Cells that start with `#| slow` keep the outputs they have unless `--slow` is given; so do cells marked `eval: false`.
Notebooks run in a fresh process each, with the working directory of the notebook, and are cleaned afterwards.
"""
import argparse, os, re, subprocess, sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def kept(cell, slow):
    "Is this a cell whose saved outputs stay as they are?"
    flags = re.findall(r'^#\s*\|\s*(.*)$', cell.source, re.M) if cell.cell_type == 'code' else []
    return cell.cell_type != 'code' or 'eval: false' in flags or ('slow' in flags and not slow)


def execute(path, slow):
    "Run one notebook in this process, in place."
    from execnb.nbio import read_nb, write_nb
    from execnb.shell import CaptureShell
    nb = read_nb(path)
    os.chdir(path.parent)
    shell = CaptureShell(path.parent, mpl_format='png')
    shell.run_all(nb, exc_stop=True, preproc=lambda cell: kept(cell, slow))
    if shell.exc: print(f'{path.name}: {shell.exc[1]!r}', file=sys.stderr)
    else: write_nb(nb, path)
    return 1 if shell.exc else 0


def main():
    "Run each notebook in a process of its own, then clean all."
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--slow', action='store_true', help='run the cells flagged slow, too')
    parser.add_argument('--here', action='store_true', help=argparse.SUPPRESS)
    parser.add_argument('notebooks', nargs='*', type=Path)
    args = parser.parse_args()
    notebooks = [p.resolve() for p in args.notebooks] or sorted((ROOT / 'nbs').glob('*.ipynb'))
    if args.here: return execute(notebooks[0], args.slow)
    env = os.environ | {'IN_TEST': '1', 'OMP_NUM_THREADS': '1', 'OMP_WAIT_POLICY': 'PASSIVE'}  # as the tests do
    failed = []
    for p in notebooks:
        command = [sys.executable, __file__, '--here', str(p)] + (['--slow'] if args.slow else [])
        if subprocess.run(command, env=env, cwd=ROOT).returncode: failed.append(p.name)
        else: subprocess.run([str(Path(sys.executable).with_name('nbdev_clean')), '--fname', str(p)], cwd=ROOT, check=True)
    if failed: print('failed:', *failed, file=sys.stderr)
    return 1 if failed else 0


if __name__ == '__main__': sys.exit(main())
