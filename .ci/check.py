"""Everything that must hold before a commit: `make test`, or `python .ci/check.py`.

A thin skin over pytest: two workers, a test for each notebook. Checks are in test_checks.py, chapters in test_chapters.py (it says what is compared),
the command in test_cli.py, the site and the explorer in test_browser.py. One line for each test; the last line is `N passed, N failed`.
"""
import os, shutil, subprocess, sys
from enum import Enum
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import pytest, typer

from book import LIBRARY, ROOT, label, notebooks

Part = Enum('Part', {name: name for name in ('checks', 'browser', 'cli', 'chapters')})
OPTIONS = '-qq --tb=no --no-header -p no:cacheprovider --disable-warnings --dist loadgroup --no-loadscope-reorder'.split()


def chosen(name):
    "The tests of the notebooks that a number, a name or a path means."
    found = [p for p in notebooks() if name in (p.stem, p.name, p.stem.partition('_')[0], label(p)) or Path(name).resolve() == p]
    return [f'test_chapters.py::test_chapter[{label(p)}]' for p in found] or sys.exit(f'no such chapter: {name}')


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
    done = subprocess.run(f'git status --porcelain --untracked-files=all {LIBRARY} nbs', shell=True, cwd=ROOT, capture_output=True, text=True)
    if done.stdout: print('warning: not committed: ' + ', '.join(line[3:] for line in done.stdout.splitlines()), flush=True)


def main(
    chapters: Annotated[list[str], typer.Argument(help='run these chapters only (04, 04_flow, nbs/04_flow.ipynb)')] = None,
    only: Annotated[Part, typer.Option(help='run one part')] = None,
    workers: Annotated[int, typer.Option(help='notebooks at a time')] = 2,
):
    "Check everything, or a part."
    parts = [only] if only else [part for part in Part if not chapters]
    if Part.browser in parts and (lacks := missing()):
        if only: sys.exit(f'test-browser: {lacks}')
        print(f'left out: tests in a browser, {lacks}', flush=True)
        parts.remove(Part.browser)
    if Part.checks in parts: warn_uncommitted()
    os.environ['PYTHONDONTWRITEBYTECODE'] = '1'
    tests = [f'test_{part.value}.py' for part in parts] + [test for name in chapters or () for test in chosen(name)]
    os.chdir(ROOT / '.ci')
    sys.exit(pytest.main([*OPTIONS, '-n', str(0 if only in (Part.browser, Part.cli) else workers), *tests]))


if __name__ == '__main__': typer.run(main)
