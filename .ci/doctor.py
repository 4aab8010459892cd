"""Is all there that the project needs? `make doctor`, a line each. Runs on a bare Python, too, and loads neither torch nor the library.

What is MISSING makes the exit status 1; the project can do without what is not `ok` otherwise.
"""
import os, platform, runpy, shutil, subprocess, sys
from configparser import ConfigParser
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

parser = ConfigParser(delimiters=['='])
parser.read(Path(__file__).resolve().parent.parent / 'settings.ini', encoding='utf-8')
SETTINGS = parser['DEFAULT']


def said(*command): return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout


def python():
    if sys.version_info < tuple(map(int, SETTINGS['min_python'].split('.'))): raise LookupError(f'older than {SETTINGS["min_python"]}')
    return f'{platform.python_version()} in {sys.prefix}'


def libraries():
    from packaging.requirements import Requirement
    asked = [*map(Requirement, SETTINGS['requirements'].split())]
    wrong = [f'{r}, here {version(r.name)}' for r in asked if not r.specifier.contains(version(r.name), prereleases=True)]
    if wrong: raise LookupError('; '.join(wrong))
    return f'{len(asked)} as settings.ini asks: ' + ', '.join(f'{name} {version(name)}' for name in ('torch', 'numpy', 'av', 'numba'))


def notebooks(): return ', '.join(f'{name} {version(name)}' for name in (SETTINGS['lib_name'], 'nbdev', 'jupyterlab'))


def ffmpeg():
    from imageio_ffmpeg import get_ffmpeg_exe
    coders = said(get_ffmpeg_exe(), '-hide_banner', '-encoders')
    return said(get_ffmpeg_exe(), '-version').split()[2] + ' with ' + ', '.join(c for c in ('libx264', 'libx265', 'libsvtav1', 'libvvenc') if c in coders)


def threads(): return f'{os.cpu_count()} cores' + ''.join(f', {k}={v}' for k, v in os.environ.items() if k.startswith('OMP_'))


def gpu():
    if not shutil.which('nvidia-smi'): raise LookupError('none; no chapter needs one')
    cuda = runpy.run_path(str(Path(find_spec('torch').origin).with_name('version.py')))['cuda']
    return said('nvidia-smi', '-L').partition(' (')[0] + (f'; torch uses CUDA {cuda}' if cuda else '; this torch does not use it: TORCH=... make setup')


def browser():
    found = [*filter(None, map(shutil.which, ('chromium', 'chromium-browser', 'google-chrome')))]
    if not found: raise LookupError('no chromium; only `make test-browser` needs one')
    return found[0]


def line(check, needed=False):
    "Say what a check finds; may one go on?"
    try: state, what = 'ok', check()
    except Exception as error: state, what = ('MISSING', f'{error}: make setup') if needed else ('no', error)
    print(f'{state:8}{check.__name__:11}{what}', flush=True)
    return state != 'MISSING'


if __name__ == '__main__':
    needed = [line(check, needed=True) for check in (python, libraries, notebooks, ffmpeg)]
    for check in (threads, gpu, browser): line(check)
    sys.exit(not all(needed))
