"""What a reader sees in a real browser, headless Chromium driven by Playwright: `make test-browser`.

Site       the built pages open from the disk, search, typeset maths, load their figures, fit a phone, have no dead links, and ask no other host.
Slides     a deck opens from the disk, too; every slide fits.
Explorer   JupyterLab runs the chapter of the explorer, a slider changes its picture; Voila shows the panel as an application.

The server runs on this machine only, on copies in a temporary folder, with settings of its own.
"""
import json, re, shutil, socket, subprocess, sys
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

import nbformat, pytest, urllib3
from nbformat.v4 import new_code_cell

from book import ROOT, cells, environment, runs
from check import chromium

pytestmark = pytest.mark.xdist_group('browser')
QUIET = 'jupyterlab.handlers.announcements.NeverCheckForUpdate'
PATIENCE = 300_000  # milliseconds for a chapter to run, on a busy machine
LINKS = '''() => { const all = (tag, key) => [...document.querySelectorAll(`${tag}[${key}]`)].map(e => e[key]);
                   return {names: [...all('*', 'id'), ...all('a', 'name')], leads: all('a', 'href'), pictures: all('img', 'src'),
                           loads: [...all('*', 'src'), ...all('link:is([rel~=stylesheet], [rel~=icon], [rel^=pre])', 'href')]}; }'''
BLANK = '''async () => { const all = [...document.images]; all.forEach(i => i.loading = 'eager'); await Promise.allSettled(all.map(i => i.decode()));
                      return all.filter(i => !i.naturalWidth).map(i => i.src); }'''
SLIDES = '''() => Reveal.getSlides().map(slide => { const {h, v} = Reveal.getIndices(slide); Reveal.slide(h, v);
                   return {head: slide.querySelector('h1, h2, h3')?.firstChild.textContent, zoom: +slide.style.zoom, height: slide.scrollHeight*slide.style.zoom}; })'''
RUN = f'''() => {{ const app = window.jupyterapp, ready = app.shell.currentWidget.sessionContext.ready;
                   const late = new Promise((_, no) => setTimeout(() => no(new Error('the chapter does not come to an end')), {PATIENCE}));
                   return Promise.race([late, ready.then(() => app.commands.execute('notebook:run-all-cells'))]); }}'''


@pytest.fixture(scope='module')
def browser():
    from playwright.sync_api import sync_playwright
    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=chromium(), args=['--disable-gpu']) as browser: yield browser


@pytest.fixture
def page(browser):
    "A page; after the test, nothing may have gone wrong or asked another host."
    with browser.new_context(viewport=dict(width=1280, height=900)) as context:
        page, page.asked, page.wrong = context.new_page(), set(), []
        page.set_default_timeout(120_000)
        context.on('request', lambda r: page.asked.add(r.url))
        page.on('console', lambda m: m.type == 'error' and page.wrong.append(f'console: {m.text} {m.location.get("url", "")}'))
        page.on('pageerror', lambda e: page.wrong.append(f'script: {e}'))
        yield page
    abroad = [f'asked {url}' for url in sorted(page.asked) if urlsplit(url).hostname not in (None, '', '127.0.0.1', 'localhost')]
    if abroad or page.wrong: pytest.fail('\n'.join([*abroad, *dict.fromkeys(page.wrong)]), pytrace=False)


# ---- the site ----

@pytest.fixture(scope='module')
def site(tmp_path_factory):
    "The built site, or what Sphinx warned of."
    out = tmp_path_factory.mktemp('site') / 'html'
    done = subprocess.run([sys.executable, ROOT / '.ci/docs.py', out], env=environment(), capture_output=True, text=True)
    if done.returncode: pytest.fail((done.stdout + done.stderr)[-3000:], pytrace=False)
    return out


def test_pages(site, page, say):
    "site: builds without a warning, pages open with all figures, no link is dead, nothing is loaded from elsewhere"
    found, wrong = {}, set()
    for path in site.rglob('*.html'):
        page.goto(path.as_uri())
        found[path] = page.evaluate(LINKS)
        wrong |= {f'{path.relative_to(site)} loads {url}' for url in found[path]['loads'] if urlsplit(url).netloc}
        wrong |= {f'{path.relative_to(site)}: {url} is no picture' for url in page.evaluate(BLANK)}
    for path, url in {(path, url) for path, links in found.items() for url in links['leads'] + links['loads'] if urlsplit(url).scheme == 'file'}:
        file, name = (unquote(part) for part in urldefrag(url))
        target = Path(urlsplit(file).path)
        there = target.exists() and (not name or target not in found or name in found[target]['names'])
        if not there: wrong.add(f'{path.relative_to(site)}: {url} leads nowhere')
    if wrong: pytest.fail('\n'.join(sorted(wrong)[:20]), pytrace=False)
    say('{} pages, {} links, {} figures'.format(len(found), *(sum(len(links[kind]) for links in found.values()) for kind in ('leads', 'pictures'))))


def test_maths(site, page, say):
    "site: maths is typeset"
    page.goto((site / '04_flow.html').as_uri())
    page.wait_for_selector('mjx-container', timeout=30_000)
    formulas = page.locator('mjx-container').count()
    assert formulas >= page.locator('.math').count() and not page.locator('mjx-merror').count()
    say(f'{formulas} formulas')


def test_search(site, page, say):
    "site: the search finds CoordFlow"
    page.route('http://localhost/**', lambda route: route.fulfill(path=site / urlsplit(route.request.url).path[1:]))  # a search fetches pages
    page.goto('http://localhost/04_flow.html')
    page.locator('input[name=q]').first.fill('CoordFlow')
    page.locator('input[name=q]').first.press('Enter')
    page.locator('ul.search li a', has_text='fusion.CoordFlow').first.click(timeout=30_000)
    page.wait_for_url(re.compile(r'fusion\.html.*#coordflow_nb\.fusion\.CoordFlow'), timeout=30_000)


def test_phone(site, page):
    "site: pages fit a phone"
    page.set_viewport_size(dict(width=390, height=844))
    for name in ('index', '04_flow', 'api/coordflow_nb.flow'):
        page.goto((site / f'{name}.html').as_uri())
        width = page.evaluate('document.documentElement.scrollWidth')
        assert width <= 390, f'{name} is {width} pixels wide on a screen of 390'


# ---- slides ----

def test_slides(tmp_path, page, say):
    "slides: a deck has the chapter's headings, its maths is typeset, each slide fits and can be read"
    done = subprocess.run([sys.executable, ROOT / '.ci/slides.py', tmp_path, '04_flow'], env=environment(), capture_output=True, text=True)
    assert not done.returncode, done.stderr[-2000:]
    page.goto((tmp_path / '04_flow.html').as_uri())
    page.wait_for_selector('.reveal.ready')
    slides = page.evaluate(SLIDES)
    heads = re.findall(r'^## (.+)', '\n'.join(c.source for c in cells(ROOT / 'nbs/04_flow.ipynb', 'markdown')), re.M)
    assert {*heads} <= {s['head'] for s in slides} and page.locator('section mjx-container').count() and not page.locator('mjx-merror').count()
    assert all(s['height'] <= 721 and s['zoom'] > 0.5 for s in slides), slides
    say(f'{len(slides)} slides')


# ---- the explorer ----

@pytest.fixture(scope='module')
def server(tmp_path_factory):
    "JupyterLab, with Voila in it, on copies of the explorer's chapter and of its panel alone; with none of the user's settings."
    folder = tmp_path_factory.mktemp('server')
    shutil.copytree(ROOT / 'data', folder / 'data')
    chapter = nbformat.read(ROOT / 'nbs/30_explorer.ipynb', as_version=4)
    chapter.cells = [c for c in chapter.cells if c.cell_type != 'code' or runs(c)]
    panel = chapter | dict(cells=[new_code_cell("from coordflow_nb.explorer import explore\nexplore('../data/moving_layers.cfv')")])
    settings = '.jupyter/lab/user-settings/@jupyterlab/notebook-extension/tracker.jupyterlab-settings'
    for name, content in {'nbs/chapter.ipynb': chapter, 'nbs/panel.ipynb': panel, settings: dict(windowingMode='none')}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(content), encoding='utf-8')
    with socket.create_server(('127.0.0.1', 0)) as s: port = s.getsockname()[1]
    options = ['--no-browser', '--allow-root', '--ip=127.0.0.1', f'--port={port}', '--IdentityProvider.token=', '--ServerApp.password=',
               '--expose-app-in-browser', '--LabApp.news_url=None', f'--LabApp.check_for_updates_class={QUIET}']
    env = environment(HOME=str(folder), JUPYTER_CONFIG_DIR=str(folder / '.jupyter'))
    with open(folder / 'log', 'w') as log:
        process = subprocess.Popen([sys.executable, '-m', 'jupyterlab', *options], cwd=folder / 'nbs', env=env, stdout=log, stderr=log)
    try:
        urllib3.request('GET', f'http://127.0.0.1:{port}/api/status', retries=urllib3.Retry(90, backoff_factor=0.1, backoff_max=1))
        yield f'http://127.0.0.1:{port}'
    except urllib3.exceptions.HTTPError: pytest.fail('the server does not answer\n' + (folder / 'log').read_text()[-1500:], pytrace=False)
    finally:
        process.terminate()  # it ends its kernels
        with suppress(subprocess.TimeoutExpired): process.wait(10)
        process.kill()


def slide(panel):
    "Move the first slider of a panel by its keys; the picture must change."
    from playwright.sync_api import expect
    picture = panel.locator('img.widget-image').first
    picture.wait_for(timeout=PATIENCE)
    before = picture.get_attribute('src')  # a widget gets a new one if, and only if, its bytes are others
    for _ in range(3): panel.locator('.noUi-handle').first.press('ArrowRight')
    expect(picture, 'a slider moves, its picture does not change').not_to_have_attribute('src', before, timeout=30_000)


def test_explorer(server, page, say):
    "JupyterLab: the explorer runs, a slider changes its picture"
    page.set_viewport_size(dict(width=1440, height=1000))
    page.goto(f'{server}/lab/tree/chapter.ipynb')
    page.locator('.jp-Notebook .jp-CodeCell').first.wait_for(timeout=90_000)
    assert page.evaluate(RUN), page.locator('[data-mime-type="application/vnd.jupyter.error"]').first.inner_text()
    panels = page.locator('.jp-CodeCell').filter(has=page.locator('.noUi-handle')).filter(has=page.locator('img.widget-image'))
    slide(panels.first)
    page.wrong[:] = [w for w in page.wrong if re.search('widget|script:|model|coordflow', w, re.I)]
    say(f'{panels.count()} panels')
    page.goto('about:blank')


def test_voila(server, page):
    "Voila: the panel is an application, a slider changes its picture"
    page.goto(f'{server}/voila/render/panel.ipynb', timeout=PATIENCE, wait_until='commit')
    slide(page.locator('body'))
    page.goto('about:blank')
    page.asked.clear(), page.wrong.clear()  # Voila's own page asks for a font of its own, and does without it
