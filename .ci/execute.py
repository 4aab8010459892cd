"""Run chapters and save their outputs: `python .ci/execute.py [--slow] nbs/01_video.ipynb ...` (all chapters by default).

Notebooks run as the tests run them, and are cleaned afterwards. Cells flagged `#| slow` keep the outputs they have unless `--slow` is given.
"""
import sys
from pathlib import Path

import nbformat, pytest
from nbdev.clean import nbdev_clean

from book import chapters
from test_chapters import play

if __name__ == '__main__':
    slow, failed = '--slow' in sys.argv, []
    for path in [Path(a).resolve() for a in sys.argv[1:] if a != '--slow'] or chapters():
        try: nbformat.write(play(path, slow), path)
        except pytest.fail.Exception as error: failed.append(f'{path.name}: {error}')
        else: nbdev_clean(path)
    if failed: sys.exit('\n'.join(failed))
