"What can be read off the notebooks and the library without running a chapter."
import ast, difflib, io, json, re, shutil, subprocess, sys, tokenize
from collections import Counter
from functools import cache

import pytest

from book import LIBRARY, ROOT, Failed, cells, chapters, environment, flags, label, module_of, notebooks, number, plain
from docs import CHAPTER

LINE, CELL, MODULE = 110, 40, 470  # characters of a line, lines of an exported cell, exported lines of a module


def no(wrong, why=''):
    "Fail if there is anything wrong."
    if wrong := sorted(set(wrong)): raise Failed('\n'.join(filter(None, [why, *wrong])))


def python(*arguments, cwd=ROOT):
    "Run this Python, or fail with everything it said."
    done = subprocess.run([sys.executable, *map(str, arguments)], cwd=cwd, env=environment(), text=True, capture_output=True, timeout=300)
    if done.returncode: raise Failed((done.stdout + done.stderr).strip())


@cache
def modules(folder=ROOT):
    "All modules of the library: {name: source}."
    names = {p: '.'.join(p.relative_to(folder).with_suffix('').parts).removesuffix('.__init__') for p in (folder / LIBRARY).rglob('*.py')}
    return {name: p.read_text(encoding='utf-8') for p, name in names.items() if p.name != '_modidx.py'}


@cache
def trees(): return {name: ast.parse(source) for name, source in modules().items()}


@cache
def exported():
    "Cells that go into the library: [(place in words, source)]."
    return [(f'{label(p)}: {next(filter(None, plain(re.sub("^#.*", "", s, flags=re.M)).splitlines()), "")[:70]}', p, s)
            for p in chapters() for s, _ in cells(p, 'code') if {'export', 'exports', 'exporti'} & set(flags(s))]


# ---- the notebooks and what is written from them ----

@pytest.fixture
def copy(tmp_path):
    "Run nbdev code on a copy of the notebooks."
    shutil.copytree(ROOT / 'nbs', tmp_path / 'nbs', ignore=shutil.ignore_patterns('.*', '_*'))
    shutil.copy(ROOT / 'settings.ini', tmp_path)
    return lambda code: python('-c', code, cwd=tmp_path) or tmp_path


def test_clean(copy, say):
    "notebooks are clean"
    cleaned = copy('from nbdev.clean import nbdev_clean; nbdev_clean()')
    no((label(p) for p in notebooks() if p.read_bytes() != (cleaned / p.relative_to(ROOT)).read_bytes()), 'run `make clean`')
    say(f'{len(notebooks())} notebooks')


def test_sync(copy, say):
    "the library is what the notebooks export"
    fresh, here = modules(copy('import nbdev; nbdev.nbdev_export()')), modules()
    changes = {n: [*difflib.unified_diff(*(m.get(n, '').splitlines() for m in (here, fresh)), n=0, lineterm='')][2:4] for n in fresh | here}
    no((f'{name}: {change}' for name, change in changes.items() if change), 'edit the notebooks only, then run `make export`')
    say(f'{len(here)} files')


def test_names():
    "every name in the library is defined and used (pyflakes)"
    python('-m', 'pyflakes', LIBRARY)


def test_readme():
    "README.md is current"
    python('.ci/readme.py', '--check')


def test_form():
    "notebooks have a title and no saved traceback"
    for p in notebooks():
        if not re.match(r'# \S.*\n+> *\S', next((s for s, _ in cells(p, 'markdown')), '')): raise Failed(f'{label(p)}: begin with "# Title" and "> subtitle"')
        if any(o['output_type'] == 'error' for _, outputs in cells(p, 'code') for o in outputs): raise Failed(f'{label(p)}: holds a traceback, run it again')


def test_answers(say):
    "every exercise that is checked has its solution"
    asked = {p.name: answers(p) for p in chapters()}
    solved = {p.name: answers(p) for p in notebooks() if p not in chapters()}
    wrong = [f'solutions/{name}: there is no such chapter' for name in solved.keys() - asked.keys()]
    for name, calls in asked.items():
        wrong += [f'{name}: only {"chapter" if c in calls else "solution"} has {c}' for c in calls ^ solved.get(name, set())]
    no(wrong, 'a checker stands word for word in the chapter and in its solutions')
    say(f'{sum(map(len, asked.values()))} answers')


def answers(path):
    "All calls of the kind `check(answer, ...)` in a chapter's exercises or in its solutions, as Python reads them."
    nb = json.loads(path.read_text(encoding='utf-8'))['cells']
    first = next((k for k, c in enumerate(nb) if re.search(r'^## (Exercises|Assignments)', ''.join(c['source']), re.M)), 0)
    sources = (plain(''.join(c['source'])) for c in nb[0 if path.parent.name == 'solutions' else first:] if c['cell_type'] == 'code')
    calls = (n for source in sources for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Call) and n.args)
    return {ast.unparse(c) for c in calls if ast.unparse(c.func) == 'check' and ast.unparse(c.args[0]) == 'answer'}


def test_references(say):
    "chapters and notebooks that prose names are there"
    keys, wrong, count = {p.stem.partition('_')[0] for p in chapters() if number(p)}, [], 0
    texts = [(label(p), p.parent, s) for p in notebooks() for kind in ('markdown', 'code') for s, _ in cells(p, kind)]
    texts += [(name, (ROOT / name).parent, (ROOT / name).read_text(encoding='utf-8')) for name in ('README.md', 'CONTRIBUTING.md', 'data/README.md')]
    for name, folder, text in texts:
        found = re.findall(r'\d\d[a-z]?', ' '.join(m[2] for m in CHAPTER.finditer(text)))
        wrong += [f'{name}: chapter {key}' for key in found if key not in keys]
        links = re.findall(r'\]\(([^)#:\s]+\.ipynb)\b', text)
        wrong += [f'{name}: {link}' for link in links if not (folder / link).exists()]
        count += len(found) + len(links)
    no(wrong)
    say(f'{count} references')


# ---- how the library is built ----

def test_layers(tmp_path, say):
    "a chapter imports only chapters of lower number (import-linter)"
    stairs = [m for p in chapters() if number(p) and (m := module_of(p)) and m != LIBRARY]
    top = f'[importlinter]\nroot_package = {LIBRARY}\n[importlinter:contract:stairs]\nname = Chapters import only chapters of lower number\ntype = layers\nlayers ='
    (tmp_path / 'linter.ini').write_text('\n    '.join([top, *reversed(stairs)]) + '\n')
    python('-c', 'from importlinter.cli import lint_imports_command as main; main()', '--config', tmp_path / 'linter.ini', '--no-cache')
    say(f'{len(stairs)} layers')


def imports(module):
    "What a module takes from the library: (name of the other module, name taken, name here)."
    package = module.split('.') if module + '.' in ' '.join(modules()) else module.split('.')[:-1]
    for node in ast.walk(trees()[module]):
        if isinstance(node, ast.Import): yield from ((a.name, '', a.asname or a.name) for a in node.names if a.name.startswith(LIBRARY))
        if not isinstance(node, ast.ImportFrom): continue
        base = '.'.join(package[:len(package) + 1 - node.level] + [node.module or '']).strip('.') if node.level else node.module
        if base.startswith(LIBRARY): yield from ((base, a.name, a.asname or a.name) for a in node.names)


def test_private():
    "no name with an underscore crosses a module"
    wrong, private = [], re.compile('_(?!_)')
    for name, tree in trees().items():
        taken = [*imports(name)]
        wrong += [f'{name}: {base}.{what}' for base, what, _ in taken if private.match(what)]
        here = {mine for base, what, mine in taken if not what or f'{base}.{what}' in modules()}
        wrong += [f'{name}: {ast.unparse(n)}' for n in ast.walk(tree) if isinstance(n, ast.Attribute) and private.match(n.attr) and ast.unparse(n.value) in here]
    no(wrong, 'make the name public')


KINDS = {'texture', 'mlp', 'networks'}
MAY_ASK = {f'{LIBRARY}.{m}' for m in ('codec', 'network_codec', 'texture_codec', 'color', 'texture')}


def asks_kind(node):
    "Does an expression test which kind a model is?"
    if isinstance(node, ast.Compare):
        sides = [n for side in (node.left, *node.comparators) for n in (side.elts if isinstance(side, (ast.Tuple, ast.List, ast.Set)) else [side])]
        return any(isinstance(s, ast.Constant) and s.value in KINDS for s in sides) or any(ast.unparse(s).endswith(('color.kind', 'model.kind')) for s in sides)
    if not isinstance(node, ast.Call) or len(node.args) < 2: return False
    call, what = ast.unparse(node.func), ast.unparse(node.args[1])
    return call in ('hasattr', 'getattr') and what in ("'region'", "'deformation'") or call == 'isinstance' and re.search('ColorMLP|ColorTexture', what)


def test_kinds():
    "only the codec and the kinds ask which kind a model is"
    asked = {name: [n for n in ast.walk(tree) if asks_kind(n)] for name, tree in trees().items() if name not in MAY_ASK and '.experiments' not in name}
    no((f'{name}, line {n.lineno}: {ast.unparse(n)}' for name, nodes in asked.items() for n in nodes), 'what differs is a method of the kind or of its model')


def test_rooms(say):
    "exported code fits: lines, cells, modules"
    wrong, sizes = [], Counter()
    for place, path, source in exported():
        lines = source.splitlines()
        sizes[label(path)] += len(lines)
        if long := [line for line in lines if len(line) > LINE]: wrong.append(f'{place}: {len(long)} lines have up to {max(map(len, long))} characters')
        if len(lines) - len(flags(source)) > CELL: wrong.append(f'{place}: {len(lines)} lines')
    no(wrong + [f'{name} exports {lines} lines' for name, lines in sizes.items() if lines > MODULE])
    say('the largest module is {0[0]} with {0[1]} lines'.format(*sizes.most_common(1)))


def test_statements():
    "one statement a line in exported code"
    bodies = ((place, getattr(n, part)) for place, _, s in exported() for n in ast.walk(ast.parse(plain(s))) for part in ('body', 'orelse', 'finalbody')
              if isinstance(getattr(n, part, None), list))
    no(f'{place}: {ast.unparse(b)[:60]}' for place, body in bodies for a, b in zip(body, body[1:]) if a.end_lineno == b.lineno)


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
