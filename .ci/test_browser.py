"""What a reader sees in a real browser, headless Chromium driven by Playwright: `make test-browser`.

Site       the built pages open, search, typeset maths, load their figures, fit a phone, and ask no other host for anything.
Explorer   JupyterLab runs the chapter of the explorer, a slider changes its picture; Voila shows the panel as an application.

Servers run on this machine only, on copies in a temporary folder, with settings of their own.
"""
import json, os, re, shutil, signal, socket, subprocess, sys, time
from contextlib import contextmanager, suppress
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit
from urllib.request import urlopen

import pytest

from book import ROOT, Failed, environment
from chapter import runs
from check import chromium

pytestmark = pytest.mark.xdist_group('browser')
FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync']
PATIENCE = 300_000  # milliseconds for a chapter to run, on a busy machine
SLIDER, PICTURE = '.noUi-handle', 'img.widget-image'
READY = '''() => { const c = window.jupyterapp?.shell.currentWidget?.sessionContext;
                   return c?.isReady && c.session?.kernel?.connectionStatus === 'connected' && c.session.kernel.status === 'idle'; }'''
RAN = '''() => { const prompts = [...document.querySelectorAll('.jp-Notebook .jp-CodeCell .jp-InputPrompt')].map(p => p.textContent);
                 const failed = document.querySelector('[data-mime-type="application/vnd.jupyter.error"]');
                 return !prompts.some(p => p.includes('*')) && (failed || prompts.every(p => /[0-9]/.test(p))); }'''
HASH = '''async img => { const bytes = new Uint8Array(await (await fetch(img.src)).arrayBuffer());
                       return bytes.length + ':' + bytes.reduce((h, x) => (h*31 + x) >>> 0, 7); }'''
BLANK = '''async () => { const all = [...document.images].filter(i => i.offsetParent); await Promise.all(all.map(i => i.decode().catch(() => 0)));
                      return all.filter(i => !i.naturalWidth).map(i => i.src); }'''


# ---- servers and the browser ----

@contextmanager
def server(folder, module, *arguments, ready='', port='--port={}'):
    "Run a server in a folder until the block ends, with none of the user's settings; its address."
    with socket.create_server(('127.0.0.1', 0)) as s: number = s.getsockname()[1]
    address, own = f'http://127.0.0.1:{number}', folder.parent / 'own'
    for name, values in {'apputils-extension/notification': dict(fetchNews='false', checkForUpdates=False), 'notebook-extension/tracker': dict(windowingMode='none')}.items():
        file = own / 'JUPYTERLAB_SETTINGS_DIR/@jupyterlab' / f'{name}.jupyterlab-settings'
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))
    places = ('JUPYTER_CONFIG_DIR', 'JUPYTER_DATA_DIR', 'JUPYTER_RUNTIME_DIR', 'JUPYTERLAB_SETTINGS_DIR', 'JUPYTERLAB_WORKSPACES_DIR', 'IPYTHONDIR')
    log = folder.parent / f'{module}.log'
    with open(log, 'w') as out:
        p = subprocess.Popen([sys.executable, '-m', module, *arguments, port.format(number)], cwd=folder, env=environment(**{n: str(own / n) for n in places}),
                             stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)
    try:
        end = time.monotonic() + 90
        while True:
            if time.monotonic() > end or p.poll() is not None: raise Failed(f'the server does not answer\n{log.read_text()[-1500:]}')
            with suppress(OSError), urlopen(address + ready, timeout=60): break
            time.sleep(0.3)
        yield address
    finally:
        p.terminate()  # it ends its kernels
        with suppress(subprocess.TimeoutExpired): p.wait(10)
        with suppress(ProcessLookupError): os.killpg(p.pid, signal.SIGKILL)


@pytest.fixture(scope='module')
def browser():
    from playwright.sync_api import sync_playwright
    with sync_playwright() as playwright:
        window = playwright.chromium.launch(executable_path=chromium(), headless=True, args=FLAGS)
        yield window
        window.close()


@pytest.fixture
def page(browser):
    "A page; after the test, nothing may have gone wrong or asked another host."
    context, asked, wrong = browser.new_context(viewport=dict(width=1280, height=900)), [], []
    page = context.new_page()
    page.set_default_timeout(120_000)
    context.on('request', lambda r: asked.append(r.url))
    page.on('console', lambda m: m.type == 'error' and wrong.append(f'console: {m.text} {m.location.get("url", "")}'))
    page.on('pageerror', lambda e: wrong.append(f'script: {e}'))
    page.asked, page.wrong = asked, wrong
    yield page
    context.close()
    abroad = {u for u in asked if urlsplit(u).scheme in ('http', 'https', 'ws', 'wss') and urlsplit(u).hostname not in ('127.0.0.1', 'localhost')}
    if abroad or wrong: raise Failed('\n'.join([*(f'asked {u}' for u in sorted(abroad)), *dict.fromkeys(wrong)]))


# ---- the site ----

@pytest.fixture(scope='module')
def site(tmp_path_factory):
    "The built site, or what Sphinx warned of."
    out = tmp_path_factory.mktemp('site') / 'html'
    done = subprocess.run([sys.executable, ROOT / '.ci/docs.py', '--out', out], env=environment(), capture_output=True, text=True)
    if done.returncode: raise Failed((done.stdout + done.stderr)[-3000:])
    return out


@pytest.fixture(scope='module')
def address(site):
    with server(site, 'http.server', '--bind=127.0.0.1', port='{}') as address: yield address


class Links(HTMLParser):
    "What a page loads and where it leads; the names that lead into it."
    def __init__(self, text):
        super().__init__()
        self.loads, self.leads, self.names = [], [], set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        a = dict(attributes)
        self.names |= {a[k] for k in ('id', 'name') if a.get(k)}
        if tag == 'a' and a.get('href'): self.leads.append(a['href'])
        if tag == 'link' and a.get('href') and a.get('rel') in ('stylesheet', 'icon', 'preload', 'prefetch'): self.loads.append(a['href'])
        if tag in ('img', 'script', 'iframe', 'source', 'video') and a.get('src'): self.loads.append(a['src'])


def test_links(site, say):
    "site: builds without a warning, no link is dead, nothing is loaded from elsewhere"
    pages, wrong = {p: Links(p.read_text(encoding='utf-8')) for p in site.rglob('*.html')}, set()
    for path, links in pages.items():
        name = path.relative_to(site)
        wrong |= {f'{name} loads {url}' for url in links.loads if urlsplit(url).netloc}
        for url in links.loads + links.leads:
            parts = urlsplit(url)
            if parts.scheme or parts.netloc: continue
            file = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            there = file.exists() and (not parts.fragment or file not in pages or unquote(parts.fragment) in pages[file].names)
            if not there: wrong.add(f'{name}: {url} leads nowhere')
    if wrong: raise Failed('\n'.join(sorted(wrong)[:20]))
    say(f'{len(pages)} pages, {sum(len(p.leads) for p in pages.values())} links')


def test_pages(site, address, page, say):
    "site: pages open with maths and figures, and ask no other host"
    names = [n for n in ('index', '00_coordflow', '04_flow', '29_views', '30_explorer', 'api/index', 'api/coordflow_nb.flow', 'solutions/index') if (site / f'{n}.html').exists()]
    figures = 0
    for name in names:
        page.goto(f'{address}/{name}.html', wait_until='load')
        for img in page.locator('img').all(): img.scroll_into_view_if_needed() if img.is_visible() else None
        if blank := page.evaluate(BLANK): raise Failed(f'{name}: figures do not load: {blank}')
        figures += page.locator('article img').count()
        if name != '04_flow': continue
        page.wait_for_selector('mjx-container', timeout=30_000)
        formulas = page.locator('mjx-container').count()
        assert formulas >= page.locator('.math').count() and not page.locator('mjx-merror').count(), 'maths is not typeset'
    say(f'{len(names)} pages, {figures} figures, {formulas} formulas')


def test_search(address, page, say):
    "site: the search finds CoordFlow"
    page.goto(f'{address}/04_flow.html', wait_until='load')
    box = page.locator('input[name=q]').first
    box.fill('CoordFlow')
    box.press('Enter')
    found = page.locator('ul.search li a', has_text='fusion.CoordFlow').first
    found.wait_for(timeout=30_000)
    say(f'{page.locator("ul.search li").count()} places')
    found.click()
    page.wait_for_url(re.compile(r'fusion\.html.*#coordflow_nb\.fusion\.CoordFlow'), timeout=30_000)


def test_phone(address, page):
    "site: pages fit a phone"
    page.set_viewport_size(dict(width=390, height=844))
    for name in ('index', '04_flow', 'api/coordflow_nb.flow'):
        page.goto(f'{address}/{name}.html', wait_until='load')
        width = page.evaluate('document.documentElement.scrollWidth')
        assert width <= 390, f'{name} is {width} pixels wide on a screen of 390'


# ---- the explorer ----

def folder_with(cells, place):
    "A folder with one notebook in it, beside a copy of `data`."
    shutil.copytree(ROOT / 'data', place / 'data')
    (place / 'nbs').mkdir()
    cells = [c | dict(outputs=[], execution_count=None) if c['cell_type'] == 'code' else c for c in cells]
    nb = dict(cells=cells, metadata=dict(kernelspec=dict(name='python3', display_name='Python 3', language='python')), nbformat=4, nbformat_minor=5)
    (place / 'nbs/explorer.ipynb').write_text(json.dumps(nb), encoding='utf-8')
    return place / 'nbs'


def slide(page, panel):
    "Move the first slider of a panel by its keys; the picture must change."
    picture, slider = panel.locator(PICTURE).first, panel.locator(SLIDER).first
    picture.wait_for(timeout=60_000)
    picture.scroll_into_view_if_needed()
    before, end = picture.evaluate(HASH), time.monotonic() + 30
    slider.focus()
    for _ in range(3): page.keyboard.press('ArrowRight')
    while picture.evaluate(HASH) == before:
        if time.monotonic() > end: raise Failed('a slider moves, its picture does not change in 30 s')
        time.sleep(0.05)


def test_explorer(page, tmp_path, say):
    "JupyterLab: the explorer runs, a slider changes its picture"
    cells = json.loads((ROOT / 'nbs/30_explorer.ipynb').read_text(encoding='utf-8'))['cells']
    folder = folder_with([c for c in cells if c['cell_type'] != 'code' or runs(''.join(c['source']))], tmp_path)
    options = ['--no-browser', '--allow-root', '--ip=127.0.0.1', '--IdentityProvider.token=', '--ServerApp.password=', f'--ServerApp.root_dir={folder}',
               '--expose-app-in-browser', '--LabApp.news_url=None', '--LabApp.check_for_updates_class=jupyterlab.handlers.announcements.NeverCheckForUpdate']
    with server(folder, 'jupyterlab', *options, ready='/api/status') as address:
        page.set_viewport_size(dict(width=1440, height=1000))
        page.goto(f'{address}/lab/tree/explorer.ipynb')
        page.locator('.jp-Notebook .jp-CodeCell').first.wait_for(timeout=90_000)
        page.wait_for_function(READY, polling=500, timeout=90_000)
        page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
        page.wait_for_function(RAN, polling=500, timeout=PATIENCE)
        broken = page.locator('[data-mime-type="application/vnd.jupyter.error"]').all_inner_texts()
        if broken: raise Failed('a cell fails:\n' + broken[0][-1500:])
        panels = page.locator('.jp-CodeCell').filter(has=page.locator(SLIDER)).filter(has=page.locator(PICTURE))
        slide(page, panels.first)
        page.wrong[:] = [w for w in page.wrong if re.search('widget|script:|model|coordflow', w, re.I)]
        say(f'{panels.count()} panels')
        page.goto('about:blank')


def test_voila(page, tmp_path):
    "Voila: the panel is an application, a slider changes its picture"
    source = "from coordflow_nb.explorer import explore\nexplore('../data/moving_layers.cfv')"
    folder = folder_with([dict(cell_type='code', id='panel', metadata={}, source=source)], tmp_path)
    with server(folder, 'voila', 'explorer.ipynb', '--no-browser', '--Voila.ip=127.0.0.1', ready='/voila/static/voila.js') as address:
        page.goto(address, timeout=PATIENCE, wait_until='commit')
        page.locator(SLIDER).first.wait_for(timeout=PATIENCE)
        slide(page, page.locator('body'))
        page.goto('about:blank')
        page.asked.clear(), page.wrong.clear()  # Voila's own page asks for a font of its own, and does without it
