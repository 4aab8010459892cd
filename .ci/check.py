"""Everything that must hold before a commit: `make test`, or `python .ci/check.py [--only checks|chapters|cli|browser] [CHAPTER ...]`.

A thin skin over pytest: two workers, a test for each notebook. Checks are in test_checks.py, chapters in test_chapters.py (see chapter.py for what is
compared), the command in test_command.py, the site and the explorer in test_browser.py. One line for each test; the last line is `N passed, N failed`.
"""
import argparse, os, shutil, subprocess, sys
from importlib.util import find_spec
from pathlib import Path

from book import LIBRARY, ROOT, label, notebooks

FILES = dict(checks='test_checks.py', browser='test_browser.py', cli='test_command.py', chapters='test_chapters.py')


def chosen(names):
    "Labels of notebooks by number, name or path."
    found = {label(p): {n for n in names if n in (p.stem, p.name, p.stem.partition('_')[0], label(p)) or Path(n).resolve() == p} for p in notebooks()}
    if unknown := set(names).difference(*found.values()): sys.exit(f'no such chapter: {", ".join(sorted(unknown))}; there are {", ".join(found)}')
    return [name for name, matches in found.items() if matches]


def chromium():
    "The browser of this machine, None if there is none."
    return next(filter(None, map(shutil.which, ('chromium', 'chromium-browser', 'google-chrome'))), None)


def missing():
    "What a test in a browser lacks, in a line that says how to mend it; None if all is there."
    if not chromium(): return 'no chromium (Debian, Ubuntu: apt install chromium)'
    lacking = [name for name in ('playwright', 'voila', 'myst_nb') if not find_spec(name)]
    return f'no {", ".join(lacking)} (run `make test-browser`)' if lacking else None


def warn_uncommitted():
    "In a git checkout, say what a fresh clone would not have."
    if not (ROOT / '.git').exists() or not shutil.which('git'): return
    done = subprocess.run(['git', 'status', '--porcelain', '--untracked-files=all', LIBRARY, 'nbs'], cwd=ROOT, capture_output=True, text=True)
    if done.stdout: print('warning: not committed: ' + ', '.join(line[3:] for line in done.stdout.splitlines()), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--only', choices=FILES, help='run one part')
    parser.add_argument('--workers', type=int, default=2, help='notebooks at a time')
    parser.add_argument('chapters', nargs='*', metavar='CHAPTER', help='run these chapters only (04, 04_flow, nbs/04_flow.ipynb)')
    args = parser.parse_args()
    parts = ['chapters'] if args.chapters else [args.only] if args.only else list(FILES)
    labels = chosen(args.chapters)
    if 'browser' in parts:
        if (lacks := missing()) and args.only: sys.exit(f'test-browser: {lacks}')
        if lacks: print(f'left out: tests in a browser, {lacks}', flush=True)
        if lacks: parts.remove('browser')
    if 'checks' in parts: warn_uncommitted()
    os.environ['PYTHONDONTWRITEBYTECODE'] = '1'
    import pytest
    workers = args.workers if {'checks', 'chapters'} & set(parts) else 0
    options = ['-qq', '--tb=no', '--no-header', '-p', 'no:cacheprovider', '--disable-warnings', '-n', str(workers), '--dist', 'loadgroup', '--no-loadscope-reorder']
    here = ROOT / '.ci'
    return pytest.main([*options, '--rootdir', str(here), *(str(here / FILES[p]) for p in parts), '--chapters', ','.join(labels)])


if __name__ == '__main__': sys.exit(main())
