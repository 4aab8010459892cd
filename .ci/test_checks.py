"What can be read off the notebooks and the library without running a chapter."
import ast, filecmp, io, json, re, shutil, subprocess, sys, tokenize
from collections import Counter
from functools import cache

import pytest

from book import (CHAPTER, LIBRARY, NUMBER, ROOT, SETTINGS, cells, chapters, environment, flags, label, module_of, notebooks, number, plain,
                  whole_numbers)
from quoted import RESULTS, filled, known, places, quoted

LINE, CELL, MODULE = 110, 40, 470  # characters of a line, lines of an exported cell, exported lines of a module


def no(wrong, why=''):
    "Fail if there is anything wrong."
    if wrong := sorted(set(wrong)): pytest.fail('\n'.join(filter(None, [why, *wrong])), pytrace=False)


def python(*arguments, cwd=ROOT):
    "Run this Python, or fail with everything it said."
    done = subprocess.run([sys.executable, *map(str, arguments)], cwd=cwd, env=environment(), text=True, capture_output=True, timeout=300)
    if done.returncode: pytest.fail((done.stdout + done.stderr).strip(), pytrace=False)
    return done.stdout


@cache
def modules():
    "All modules of the library: {name: source}."
    names = {p: '.'.join(p.relative_to(ROOT).with_suffix('').parts).removesuffix('.__init__') for p in (ROOT / LIBRARY).rglob('*.py')}
    return {name: p.read_text(encoding='utf-8') for p, name in names.items() if p.name != '_modidx.py'}


@cache
def trees(): return {name: ast.parse(source) for name, source in modules().items()}


def parsed(cell):
    "A code cell as Python reads it, without lines that only IPython reads."
    return ast.parse(re.sub(r'^[%!].*$', '', cell.source, flags=re.M))


@cache
def exported():
    "Cells that go into the library: [(place in words, notebook, cell)]."
    found = [(p, c) for p in chapters() for c in cells(p) if {'export', 'exports', 'exporti'} & set(flags(c))]
    return [(f'{label(p)}: {plain(c).splitlines()[0][:70]}', p, c) for p, c in found]


# ---- the notebooks and what is written from them ----

def test_sync(tmp_path, say):
    "notebooks are clean, and the library is what they export"
    shutil.copytree(ROOT / 'nbs', tmp_path / 'nbs', ignore=shutil.ignore_patterns('.*', '_*'))
    shutil.copy(ROOT / 'settings.ini', tmp_path)
    python('-c', 'import nbdev; from nbdev.clean import nbdev_clean; nbdev_clean(); nbdev.nbdev_export()', cwd=tmp_path)
    names = {*(p.relative_to(ROOT) for p in notebooks()), *(p.relative_to(f) for f in (ROOT, tmp_path) for p in (f / LIBRARY).rglob('*.py'))}
    same = lambda name: all((f / name).exists() for f in (ROOT, tmp_path)) and filecmp.cmp(ROOT / name, tmp_path / name, shallow=False)
    wrong = [str(name) for name in names if name.name != '_modidx.py' and not same(name)]
    no(wrong, 'run `make clean`; change the library in notebooks only, then run `make export`')
    say(f'{len(names)} files')


def test_names():
    "every name in the library is defined and used, one statement a line (ruff)"
    python('-m', 'ruff', 'check', '-q', '--isolated', '--no-cache', '--select=F,E702', '--output-format=concise', LIBRARY)


def test_readme():
    "README.md is current"
    python('.ci/readme.py', '--check')


def test_form():
    "notebooks have a title and no saved traceback, and leave the library as it is"
    wrong = []
    for p in notebooks():
        if not re.match(r'# \S.*\n+> *\S', cells(p, 'markdown')[0].source): wrong.append(f'{label(p)}: begin with "# Title" and "> subtitle"')
        if any('nbdev_export(' in c.source for c in cells(p, 'code')): wrong.append(f'{label(p)}: exports the library; `make export` is for that')
        if any(o.output_type == 'error' for c in cells(p, 'code') for o in c.outputs): wrong.append(f'{label(p)}: holds a traceback, run it again')
    no(wrong)


def test_answers(say):
    "every exercise that is checked has its solution"
    asked = {p.name: answers(p) for p in chapters()}
    solved = {p.name: answers(p) for p in notebooks() if p not in chapters()}
    wrong = [f'solutions/{name}: there is no such chapter' for name in solved.keys() - asked.keys()]
    wrong += [f'{name}: not in chapter and solution both: {c}' for name in asked for c in asked[name] ^ solved.get(name, set())]
    no(wrong, 'a checker stands word for word in the chapter and in its solutions')
    say(f'{sum(map(len, asked.values()))} answers')


def answers(path):
    "All calls of the kind `check(answer, ...)` in a chapter's exercises or in its solutions, as Python reads them."
    first = next((k for k, c in enumerate(cells(path)) if re.search(r'^## (Exercises|Assignments)', c.source, re.M)), 0)
    codes = [c for c in cells(path)[0 if path.parent.name == 'solutions' else first:] if c.cell_type == 'code']
    calls = {ast.unparse(n) for c in codes for n in ast.walk(parsed(c)) if isinstance(n, ast.Call)}
    return {call for call in calls if re.match(r'check\(answer\b', call)}


def test_references(say):
    "chapters and notebooks that prose names are there"
    texts = [(label(p), p.parent, c.source) for p in notebooks() for c in cells(p)]
    texts += [(name, (ROOT / name).parent, (ROOT / name).read_text(encoding='utf-8')) for name in ('README.md', 'CONTRIBUTING.md', 'data/README.md')]
    keys = [p.stem.partition('_')[0] for p in chapters() if number(p)]
    found = [(f'{name}: chapter {key}', key in keys) for name, _, text in texts for m in CHAPTER.finditer(text) for key in NUMBER.findall(m[1])]
    found += [(f'{name}: {link}', (folder / link).exists()) for name, folder, text in texts for link in re.findall(r'\]\(([^)#:\s]+\.ipynb)\b', text)]
    no(what for what, there in found if not there)
    say(f'{len(found)} references')


# ---- numbers ----

def test_numbers(say):
    "numbers in prose are those of data/results"
    words = known()
    found = [(f'{name}: {was}, not {now}: {tag}', was == now)
             for name, path in places().items() for was, now, tag in quoted(path.read_text(encoding='utf-8'), words)]
    no((what for what, same in found if not same), 'run `make numbers`')
    say(f'{len(found)} numbers')


def test_numbers_noticed(tmp_path):
    "a digit of prose or a value of JSON that changes is noticed"
    shutil.copytree(RESULTS, tmp_path, dirs_exist_ok=True)
    text, path = places()['nbs/40_results.ipynb'].read_text(encoding='utf-8'), tmp_path / 'gpu.json'
    def wrong(text): return [(was, now) for was, now, _ in quoted(text, known(tmp_path)) if was != now]
    one, key = "44.0<!--=gpu('bunny, texture, 315,000 bytes, 180 s/seconds'):.1f-->", 'bunny, texture, 315,000 bytes, 180 s'
    assert not wrong(text) and wrong(text.replace('85<!--=', '86<!--=')) == [('86', '85')]
    assert wrong(one.replace('seconds', 'second')) == [('44.0', f"(KeyError: '{key}/second')")] and not wrong(filled(one, known(tmp_path)))
    saved = json.loads(path.read_text())
    saved['runs'][key]['result']['seconds'] += 1
    path.write_text(json.dumps(saved))
    assert wrong(filled(one, known())) and len(wrong(text)) == 2  # it is told twice


def test_versions(say):
    "files of results measured the same code"
    # Fails if two files, or two runs of one, have stamps with different hashes of a module: one page must not show both. What has no stamp, or agrees
    # with all others and not with the library of today, is listed and does not fail: else nobody could change a line without measuring for hours.
    from coordflow_nb.experiments.provenance import disagreements, to_repeat
    files = {p.stem: json.loads(p.read_text()) for p in sorted(RESULTS.glob('*.json'))}
    again = to_repeat(files)
    lines = [f'{name}: {why}' for name, why in again.items()]
    no(disagreements(files), '\n'.join(['`make bench-all` runs again what needs it:', *lines, 'modules of which versions differ, by file:']))
    say(f'to run again: {", ".join(again) or "none"}')


# ---- the course ----

def test_plan():
    "the README has every chapter, the course every whole number"
    index, course = ('\n'.join(c.source for c in cells(ROOT / f'nbs/{name}.ipynb', 'markdown')) for name in ('index', 'course'))
    wrong = [f'index: {p.name}' for p in chapters() if number(p) and f']({p.name})' not in index]
    no(wrong + [f'course: {p.name}' for p in whole_numbers() if not re.search(rf'^\| \[\d+\]\({p.name}\) \| ', course, re.M)])


def test_student(tmp_path, say):
    "a class gets no solutions, and the same copy each time"
    def copy():
        python('.ci/student.py', tmp_path / 'student')
        return {p.relative_to(tmp_path): p.read_bytes() for p in tmp_path.rglob('*') if p.is_file()}
    files = copy()
    no([str(p) for p, data in files.items() if 'solutions' in p.parts or re.search(rb'\]\(solutions/|Expected: ', data)])
    assert files == copy()
    say(f'{len(files)} files')


def test_doctor(say):
    "make doctor finds what is needed"
    said = python('.ci/doctor.py').splitlines()
    assert len(said) == 7 and all(re.match(r'(ok|no) +\w+ +\S', line) for line in said), said
    say(f'{len(said)} lines')


def test_machines():
    ".devcontainer and .binder agree with settings and Makefile"
    makefile, machine = (ROOT / 'Makefile').read_text(), json.loads((ROOT / '.devcontainer/devcontainer.json').read_text())
    runtime, (torch, project) = (ROOT / '.binder/runtime.txt').read_text(), (ROOT / '.binder/requirements.txt').read_text().splitlines()
    version = lambda text: [*map(int, re.search(r'(\d+)\.(\d+)', text).groups())]
    assert all(version(text) >= version(SETTINGS['min_python']) for text in (machine['image'], runtime))
    assert re.search(f'^{machine["postCreateCommand"].removeprefix("make ")}:', makefile, re.M) and f'DEFAULT_TORCH := {torch}\n' in makefile
    assert re.sub(r'-e \.\[(\w+)\]', r'\1_requirements', project) in SETTINGS


# ---- how the library is built ----

def test_layers(tmp_path, say):
    "a chapter imports only chapters of lower number (import-linter)"
    stairs = [m for p in chapters() if number(p) and (m := module_of(p)) and m != LIBRARY]
    top = f'[importlinter]\nroot_package = {LIBRARY}\n[importlinter:contract:stairs]\nname = Only chapters of lower number\ntype = layers\nlayers ='
    (tmp_path / 'linter.ini').write_text('\n    '.join([top, *reversed(stairs)]) + '\n')
    python('-c', 'from importlinter.cli import lint_imports_command as main; main()', '--config', tmp_path / 'linter.ini', '--no-cache')
    say(f'{len(stairs)} layers')


def test_private():
    "no name with an underscore crosses a module"
    wrong, private = [], re.compile(r'(^|\.)_(?!_)')
    for name, tree in trees().items():
        froms = [n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and (n.level or n.module.startswith(LIBRARY))]
        taken = [a for n in froms for a in n.names]
        taken += [a for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names if a.name.startswith(LIBRARY)]
        wrong += [f'{name}: {a.name}' for a in taken if private.search(a.name)]
        here = {a.asname or a.name for a in taken}
        used = [n for n in ast.walk(tree) if isinstance(n, ast.Attribute) and private.match(n.attr)]
        wrong += [f'{name}: {ast.unparse(n)}' for n in used if ast.unparse(n.value) in here]
    no(wrong, 'make the name public')


MAY_ASK = {f'{LIBRARY}.{m}' for m in ('codec', 'network_codec', 'texture_codec', 'color', 'texture')}
COMPARED = re.compile(r"'(texture|mlp|networks)'|\b(color|model)\.kind\b")
CALLED = re.compile(r"(has|get)attr\(.*, '(region|deformation)'|isinstance\(.*(ColorMLP|ColorTexture)")


def asks_kind(node):
    "Does an expression test which kind a model is?"
    if isinstance(node, ast.Compare): return COMPARED.search(ast.unparse(node))
    return isinstance(node, ast.Call) and CALLED.match(ast.unparse(node))


def test_kinds():
    "only the codec and the kinds ask which kind a model is"
    others = {name: tree for name, tree in trees().items() if name not in MAY_ASK and '.experiments' not in name}
    asked = [f'{name}, line {n.lineno}: {ast.unparse(n)}' for name, tree in others.items() for n in ast.walk(tree) if asks_kind(n)]
    no(asked, 'what differs is a method of the kind or of its model')


def test_rooms(say):
    "exported code fits: lines, cells, modules"
    wrong, sizes = [], Counter()
    for place, path, cell in exported():
        lines = cell.source.splitlines()
        sizes[label(path)] += len(lines)
        if (longest := max(map(len, lines))) > LINE: wrong.append(f'{place}: a line has {longest} characters')
        if len(lines) - len(flags(cell)) > CELL: wrong.append(f'{place}: {len(lines)} lines')
    no(wrong + [f'{name} exports {lines} lines' for name, lines in sizes.items() if lines > MODULE])
    say('the largest module is {0[0]} with {0[1]} lines'.format(*sizes.most_common(1)))


def test_documented(say):
    "public names and their parameters say what they are"
    wrong, count = [], 0
    for name, tree in trees().items():
        public = next((ast.literal_eval(n.value) for n in tree.body if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == '__all__'), [])
        said = {t.start[0] for t in tokenize.generate_tokens(io.StringIO(modules()[name]).readline) if t.type == tokenize.COMMENT}
        for node in (n for n in tree.body if isinstance(n, (ast.FunctionDef, ast.ClassDef)) and n.name in public):
            count += 1
            if not ast.get_docstring(node): wrong.append(f'{name}.{node.name}: no docstring')
            if any(ast.unparse(d).startswith('app.') for d in node.decorator_list): continue  # its --help says what its parameters are
            makes = next((n for n in [node, *node.body] if isinstance(n, ast.FunctionDef) and n.name in (node.name, '__init__')), None)
            taken = [a for a in makes.args.args + makes.args.kwonlyargs if a.arg != 'self'] if makes else []
            taken = taken or [n for n in node.body if isinstance(n, ast.AnnAssign)]
            silent = [a.arg if isinstance(a, ast.arg) else a.target.id for a in taken if a.end_lineno not in said]
            if silent: wrong.append(f'{name}.{node.name}: no comment beside {", ".join(silent)}')
    no(wrong)
    say(f'{count} names')
