"""Everything that must hold before a commit: `make test`, or `python .ci/check.py [--only checks|chapters|cli|browser] [CHAPTER ...]`.

Checks    notebooks are clean, the library is what they export, imports go downward, the README is current, exercises have solutions.
Chapters  each notebook runs in a fresh kernel, two at a time, and must say what is saved in it (see chapter.py).
Command   a clip goes through `coordflow encode`, `info`, `decode`, `evaluate`, `compare`, and bad input is refused.
Browser   the site, and the explorer in JupyterLab and Voila, in headless Chromium (see browser.py); left out with a word where there is none.

One line for each test; the last line is `N passed, N failed`.
"""
import argparse, ast, difflib, json, os, re, shutil, signal, subprocess, sys, tempfile, time
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from pathlib import Path

import browser, chapter
from chapter import Failed, environment

ROOT = Path(__file__).resolve().parent.parent
LIBRARY = 'coordflow_nb'
LIMIT = 300  # seconds for a command
RUNNING = set()  # processes to end when the user stops us


# ---- the project's notebooks ----

def notebooks():
    "All notebooks, in reading order; the solutions of a chapter follow it."
    paths = (p for p in (ROOT / 'nbs').rglob('*.ipynb') if not any(part[0] in '._' for part in p.relative_to(ROOT).parts))
    return sorted(paths, key=lambda p: (number(p) or (10**6, ''), p.name, label(p)))


def label(path):
    "How a notebook is called here: 03_flow, solutions/03_flow."
    return path.relative_to(ROOT / 'nbs').with_suffix('').as_posix()


def number(path):
    "The layer of a chapter, as a key to sort by: 00_video -> (0, ''), 00a_plot -> (0, 'a'); None without a number."
    match = re.match(r'(\d+)([a-z]?)_', path.name)
    return (int(match[1]), match[2]) if match else None


def cells(path, kind):
    "The cells of one kind, each as (source, outputs)."
    nb = json.loads(path.read_text(encoding='utf-8'))
    return [(''.join(c['source']), c.get('outputs', [])) for c in nb['cells'] if c['cell_type'] == kind]


def module_of(path):
    "The module that a notebook exports, without the library's name; None if it exports none."
    found = (re.search(r'^#\s*\|\s*default_exp\s+(\S+)', source, re.M) for source, _ in cells(path, 'code'))
    return next((m[1] for m in found if m), None)


# ---- processes ----

def process(*command, cwd=ROOT, limit=LIMIT, env=None):
    "Run a command to its end, or kill it and its children after `limit` seconds; (exit status, stdout, stderr)."
    p = subprocess.Popen([str(c) for c in command], cwd=cwd, env=env or environment(MPLBACKEND='agg'), text=True, encoding='utf-8', errors='replace',
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
    RUNNING.add(p)
    try: out, err = p.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        kill(p)
        raise Failed(f'stopped after {limit} s\n{p.communicate()[1]}'.rstrip()) from None
    finally: RUNNING.discard(p)
    return p.returncode, out, err


def kill(p):
    "End a process and its children."
    with suppress(ProcessLookupError): os.killpg(p.pid, signal.SIGKILL)


def python(*arguments, **options):
    "Run this Python; its output, or Failed with everything it said."
    status, out, err = process(sys.executable, *arguments, **options)
    if status: raise Failed((out + err).strip())
    return out


def in_copy(code, folder):
    "Copy the notebooks and the settings into `folder`, run nbdev code there."
    shutil.copytree(ROOT / 'nbs', folder / 'nbs', ignore=shutil.ignore_patterns('.*', '_*'))
    shutil.copy(ROOT / 'settings.ini', folder)
    python('-c', code, cwd=folder)


# ---- checks ----

def check_clean():
    "notebooks are clean"
    with tempfile.TemporaryDirectory() as tmp:
        in_copy('from nbdev.clean import nbdev_clean; nbdev_clean()', Path(tmp))
        dirty = [p.name for p in notebooks() if p.read_bytes() != (tmp / p.relative_to(ROOT)).read_bytes()]
    if dirty: raise Failed(f'run `make clean`: {", ".join(dirty)}')
    return f'{len(notebooks())} notebooks'


def check_sync():
    "the library is what the notebooks export"
    with tempfile.TemporaryDirectory() as tmp:
        in_copy('import nbdev; nbdev.nbdev_export()', Path(tmp))
        fresh, here = (modules(folder / LIBRARY) for folder in (Path(tmp), ROOT))
    wrong = [f'{name} has no notebook: delete it' for name in here.keys() - fresh.keys()]
    wrong += [f'{name} was never exported' for name in fresh.keys() - here.keys()]
    changed = [name for name in here.keys() & fresh.keys() if here[name] != fresh[name]]
    wrong += [f'{name} differs, {first_change(here[name], fresh[name])}' for name in changed]
    if wrong: raise Failed('edit the notebooks only, then run `make export`\n' + '\n'.join(sorted(wrong)))
    return f'{len(here)} files'


def modules(folder):
    "All modules below a folder: {path: source}."
    return {p.relative_to(folder).as_posix(): p.read_text(encoding='utf-8') for p in sorted(folder.rglob('*.py'))}


def first_change(old, new):
    "The first line that differs between two sources."
    _, _, where, change, *_ = difflib.unified_diff(old.splitlines(), new.splitlines(), n=0, lineterm='')
    return f'line {where.split()[1].strip("-").split(",")[0]}: {change}'


def check_names():
    "every name in the library is defined and used (pyflakes)"
    python('-m', 'pyflakes', LIBRARY)


def check_layers():
    "imports go downward only"
    layer = {module_of(p): number(p) for p in notebooks() if number(p) and module_of(p)}
    title = {module_of(p): p.stem for p in notebooks()}
    wrong = [f'{title[name]}: line {line} of its module imports {title[other]}'
             for name in layer for other, line in imports(name) if layer.get(other, (-1,)) > layer[name]]
    if wrong: raise Failed('a chapter may import only chapters of lower number\n' + '\n'.join(wrong))
    return f'{len(layer)} layers'


def imports(module):
    "Modules of the library that a module imports, each with the line: (name, line)."
    source = ROOT / LIBRARY / (module.replace('.', '/') + '.py')
    if not source.exists(): return
    for node in ast.walk(ast.parse(source.read_text(encoding='utf-8'))):
        if isinstance(node, ast.Import): names = [a.name for a in node.names]
        elif isinstance(node, ast.ImportFrom): names = imported_from(node, f'{LIBRARY}.{module}')
        else: continue
        for name in names:
            if name.startswith(LIBRARY + '.'): yield name.removeprefix(LIBRARY + '.'), node.lineno


def imported_from(node, importer):
    "Full names that a `from .. import ..` may mean: the module itself, and its names if they are modules."
    package = importer.split('.')[:-node.level] if node.level else []
    base = '.'.join(package + ([node.module] if node.module else []))
    return [base] + [f'{base}.{a.name}' for a in node.names]


def check_readme():
    "README.md is current"
    python('.ci/readme.py', '--check')


def check_form():
    "notebooks have a title and no saved traceback"
    wrong = []
    for p in notebooks():
        prose = [source for source, _ in cells(p, 'markdown')]
        titled = prose and re.match(r'# \S.*\n+> *\S', prose[0])
        broken = any(o['output_type'] == 'error' for _, outputs in cells(p, 'code') for o in outputs)
        if not titled: wrong.append(f'{p.name}: begin with "# Title", an empty line and "> subtitle"')
        if broken: wrong.append(f'{p.name}: holds a traceback, run it again')
    if wrong: raise Failed('\n'.join(wrong))


def check_answers():
    "every exercise that is checked has its solution"
    wrong = []
    for p in notebooks():
        if p.parent.name == 'solutions': continue
        solution = p.parent / 'solutions' / p.name
        asked, solved = exercises(p), answers([s for s, _ in cells(solution, 'code')]) if solution.exists() else {}
        wrong += [f'{label(p)}: no solution has {call}' for key, call in asked.items() if key not in solved]
        wrong += [f'{label(solution)}: no exercise has {call}' for key, call in solved.items() if key not in asked]
    wrong += [f'{label(p)}: there is no such chapter' for p in notebooks() if p.parent.name == 'solutions' and not (p.parent.parent / p.name).exists()]
    if wrong: raise Failed('a checker stands word for word in the chapter and in its solutions\n' + '\n'.join(wrong))
    return f'{sum(len(exercises(p)) for p in notebooks() if p.parent.name != "solutions")} answers'


def exercises(path):
    "The checkers of a chapter's exercises, see `answers`."
    nb, found = json.loads(path.read_text(encoding='utf-8')), []
    for cell in nb['cells']:
        source = ''.join(cell['source'])
        if cell['cell_type'] == 'markdown' and re.search(r'^## (Exercises|Assignments)', source, re.M): found = [None]
        elif cell['cell_type'] == 'code' and found: found.append(source)
    return answers(found[1:])


def answers(sources):
    "All calls of the kind `check(answer, ...)` in some cells: {what Python reads: what is written}."
    plain = (re.sub(r'^[%!].*$', '', source, flags=re.M) for source in sources)
    calls = ((source, node) for source in plain for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call) and node.args)
    return {ast.dump(c): ' '.join(ast.get_source_segment(source, c).split()) for source, c in calls
            if isinstance(c.func, ast.Name) and c.func.id == 'check' and isinstance(c.args[0], ast.Name) and c.args[0].id == 'answer'}


def warn_uncommitted():
    "In a git checkout, say what a fresh clone would not have."
    if not (ROOT / '.git').exists() or not shutil.which('git'): return
    status, out, _ = process('git', 'status', '--porcelain', '--untracked-files=all', LIBRARY, 'nbs')
    if status == 0 and out: print('warning: not committed: ' + ', '.join(line[3:] for line in out.splitlines()))


# ---- chapters ----

def check_chapter(path):
    "Run one notebook in a kernel of its own and compare what it says with what is saved."
    return chapter.check(path)


def chosen(names):
    "Notebooks by number, name or path; all if none is named."
    found = {p: [n for n in names if n in (p.stem, p.name, p.stem.partition('_')[0], label(p)) or Path(n).resolve() == p] for p in notebooks()}
    unknown = set(names) - {n for matches in found.values() for n in matches}
    if unknown: sys.exit(f'no such chapter: {", ".join(sorted(unknown))}; there are {", ".join(map(label, notebooks()))}')
    return [p for p in found if found[p] or not names]


# ---- the command ----

class CommandLine:
    "A clip's way through the command, step by step in a temporary folder."

    def __init__(self, folder):
        self.folder, self.command = Path(folder), Path(sys.executable).with_name('coordflow')

    def run(self, *arguments):
        "Run `coordflow` in the folder; (exit status, stdout, stderr)."
        if not self.command.exists(): raise Failed(f'{self.command.name} is not installed: run `make setup`')
        return process(self.command, *arguments, cwd=self.folder)

    def good(self, *arguments):
        "Run `coordflow`, which must succeed; its standard output."
        status, out, err = self.run(*arguments)
        if status: raise Failed(f'coordflow {" ".join(arguments)}: exit status {status}\n{err or out}'.rstrip())
        return out

    def check_encode(self):
        "coordflow encode"
        status, out, err = self.run('encode', 'moving_layers', 'clip.cfv', '--size', '64x48', '--frames', '6', '--seconds', '4', '--seed', '0')
        if status or 'fitting' in out or 'fitting' not in err: raise Failed(f'exit status {status}, progress belongs on standard error\n{out}{err}')
        return f'{(self.folder / "clip.cfv").stat().st_size} bytes'

    def check_info(self):
        "coordflow info"
        info = json.loads(self.good('info', 'clip.cfv', '--json'))
        expected = dict(width=64, height=48, frames=6, bytes=(self.folder / 'clip.cfv').stat().st_size)
        expect({k: info.get(k) for k in expected}, expected)

    def check_decode(self):
        "coordflow decode, twice the same"
        for name in ('back.npy', 'again.npy'): self.good('decode', 'clip.cfv', name)
        a, b = ((self.folder / name).read_bytes() for name in ('back.npy', 'again.npy'))
        if a != b: raise Failed('two decodes of one file differ')
        if len(a) < 6 * 48 * 64 * 3: raise Failed(f'back.npy has {len(a)} bytes, fewer than its 6 frames of 64x48')

    def check_evaluate(self):
        "coordflow evaluate"
        scores = json.loads(self.good('evaluate', 'clip.cfv', 'moving_layers', '--json'))
        size = (self.folder / 'clip.cfv').stat().st_size
        expect((scores['bytes'], round(scores['bpp'], 6)), (size, round(8 * size / (6 * 48 * 64), 6)))
        if not 15 < scores['psnr'] < 60 or not 0 < scores['ssim'] <= 1: raise Failed(f'implausible: {scores}')
        return f'{scores["psnr"]:.2f} dB'

    def check_compare(self):
        "coordflow compare"
        said = json.loads(self.good('compare', 'moving_layers', '--codecs', 'x264', '--rates', '1,2', '--size', '64x48', '--frames', '6', '--out', 'report', '--json'))
        expect(json.loads((self.folder / 'report' / 'report.json').read_text(encoding='utf-8')), said)
        expect([round(p['bpp']) for p in said['curves']['x264']['points']], [1, 2])
        if (self.folder / 'report' / 'rd.png').read_bytes()[1:4] != b'PNG': raise Failed('rd.png is no picture')

    def check_bad_input(self):
        "coordflow refuses bad input in one line"
        clip = self.folder / 'clip.cfv'
        (self.folder / 'cut.cfv').write_bytes(clip.read_bytes()[:-7] if clip.exists() else b'')
        for arguments in (('decode', 'cut.cfv', 'bad.npy'), ('info', 'missing.cfv'), ('encode', 'missing.mp4', 'bad.cfv'),
                          ('compare', 'moving_layers', '--codecs', 'x263', '--out', 'bad'), ('compare', 'moving_layers', '--rates', '0', '--out', 'bad')):
            status, out, err = self.run(*arguments)
            if (status, out, len(err.splitlines())) != (1, '', 1):
                said = f'exit status {status}, expected 1 and one line on standard error'
                raise Failed(f'coordflow {" ".join(arguments)}: {said}\n{err}{out}'.rstrip())
        if left := [p.name for p in self.folder.glob('*bad*')]: raise Failed(f'left behind: {", ".join(left)}')

    def checks(self):
        "The steps in order."
        return [self.check_encode, self.check_info, self.check_decode, self.check_evaluate, self.check_compare, self.check_bad_input]


def expect(got, expected):
    if got != expected: raise Failed(f'got {got}, expected {expected}')


# ---- running and reporting ----

class Report:
    "Counts tests and prints a line for each."
    passed = failed = 0

    def run(self, name, check, *arguments):
        "Run one check and report it."
        self.show(name, *outcome(check, *arguments))

    def show(self, name, ok, note, seconds):
        "Print the line of one test; what a failed one said follows, indented."
        self.passed, self.failed = self.passed + ok, self.failed + (not ok)
        first = f'{"ok" if ok else "FAILED":6}  {name:58} {seconds:6.1f} s'
        print(f'{first}  {note}' if ok else first + '\n' + re.sub(r'^', ' ' * 8, note, flags=re.M), flush=True)


def outcome(check, *arguments):
    "Run a check: (did it hold, what it said, seconds)."
    start = time.monotonic()
    try: ok, note = True, check(*arguments) or ''
    except Failed as e: ok, note = False, str(e)
    except Exception as e: ok, note = False, f'{type(e).__name__}: {e}'
    return ok, note, time.monotonic() - start


def run_checks(report):
    for check in (check_clean, check_sync, check_names, check_layers, check_readme, check_form, check_answers): report.run(check.__doc__, check)
    warn_uncommitted()


def run_chapters(report, names, workers=2):
    pool = ThreadPoolExecutor(workers)
    order = sorted(chosen(names), key=lambda p: p.parent.name == 'solutions')  # the short ones last, so that no worker waits long for another
    waiting = {pool.submit(outcome, check_chapter, p): label(p) for p in order}
    for done in as_completed(waiting): report.show(f'chapter {waiting[done]}', *done.result())
    pool.shutdown()


def run_cli(report):
    with tempfile.TemporaryDirectory() as tmp:
        for check in CommandLine(tmp).checks(): report.run(check.__doc__, check)


def run_browser(report, asked):
    lacks = browser.missing()
    if lacks and asked: sys.exit(f'test-browser: {lacks}')
    if lacks: return print(f'left out: tests in a browser, {lacks}')
    with tempfile.TemporaryDirectory() as tmp, browser.opened(tmp) as window:
        for check in window.checks(): report.run(check.__doc__, check)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--only', choices=('checks', 'chapters', 'cli', 'browser'), help='run one part')
    parser.add_argument('chapters', nargs='*', metavar='CHAPTER', help='run these chapters only (03, 03_flow, nbs/03_flow.ipynb)')
    args = parser.parse_args()
    part, report = 'chapters' if args.chapters else args.only, Report()
    chosen(args.chapters)
    if part in (None, 'checks'): run_checks(report)
    if part in (None, 'chapters'): run_chapters(report, args.chapters)
    if part in (None, 'cli'): run_cli(report)
    if part in (None, 'browser'): run_browser(report, part)
    print(f'{report.passed} passed, {report.failed} failed')
    return 1 if report.failed else 0


if __name__ == '__main__':
    try: sys.exit(main())
    except KeyboardInterrupt:
        for p in list(RUNNING): kill(p)
        os._exit(130)
