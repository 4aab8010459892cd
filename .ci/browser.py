"""What a reader sees in a real browser, headless Chromium driven by Playwright: `make test-browser`.

Site       the built pages open, search, typeset maths, load their figures, fit a phone, and ask no other host for anything.
Explorer   JupyterLab runs the chapter of the explorer, a slider changes its picture; Voila shows the panel as an application.

Servers run on this machine only, on copies in a temporary folder, with settings of their own.
"""
import json, os, re, shutil, signal, socket, subprocess, sys, threading, time
from contextlib import contextmanager, suppress
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from urllib.error import URLError
from urllib.parse import unquote, urlsplit
from urllib.request import urlopen

from book import Failed, environment
from chapter import runs

ROOT = Path(__file__).resolve().parent.parent
FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync']
PATIENCE = 300  # seconds for a chapter to run, on a busy machine
SLIDER, PICTURE = '.noUi-handle', 'img.widget-image'
READY = '''() => { const c = window.jupyterapp?.shell.currentWidget?.sessionContext;
                   return c?.isReady && c.session?.kernel?.connectionStatus === 'connected' && c.session.kernel.status === 'idle'; }'''
RAN = '''() => { const prompts = [...document.querySelectorAll('.jp-Notebook .jp-CodeCell .jp-InputPrompt')].map(p => p.textContent);
                   const failed = document.querySelector('[data-mime-type="application/vnd.jupyter.error"]');
                   return !prompts.some(p => p.includes('*')) && (failed || prompts.every(p => /[0-9]/.test(p))); }'''
HASH = '''async img => { const bytes = new Uint8Array(await (await fetch(img.src)).arrayBuffer());
                         return bytes.length + ':' + bytes.reduce((h, x) => (h*31 + x) >>> 0, 7); }'''


def chromium():
    "The browser of this machine, None if there is none."
    return next(filter(None, map(shutil.which, ('chromium', 'chromium-browser', 'google-chrome'))), None)


def missing():
    "What a test in a browser lacks, in a line that says how to mend it; None if all is there."
    if not chromium(): return 'no chromium (Debian, Ubuntu: apt install chromium)'
    lacking = [name for name in ('playwright', 'voila', 'myst_nb') if not find_spec(name)]
    return f'no {", ".join(lacking)} (run `make test-browser`)' if lacking else None


# ---- servers ----

def port():
    "A free port."
    with socket.create_server(('127.0.0.1', 0)) as s: return s.getsockname()[1]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_): pass


@contextmanager
def files(folder):
    "Serve a folder; its address."
    server = ThreadingHTTPServer(('127.0.0.1', 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try: yield f'http://127.0.0.1:{server.server_port}'
    finally: server.shutdown()


@contextmanager
def server(folder, module, *arguments, ready='', env=None):
    "Run a server of Jupyter's in a folder until the block ends; its address."
    address = f'http://127.0.0.1:{(number := port())}'
    with open(folder.parent / f'{module}.log', 'w+') as log:
        p = subprocess.Popen([sys.executable, '-m', module, *arguments, f'--port={number}'], cwd=folder, env=env or own_settings(folder.parent),
                             stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        try:
            wait_for(address + ready, p, log)
            yield address
        finally:
            p.terminate()  # it ends its kernels
            try: p.wait(10)
            except subprocess.TimeoutExpired: pass
            with suppress(ProcessLookupError): os.killpg(p.pid, signal.SIGKILL)


def wait_for(url, p, log, limit=90):
    "Until a server answers."
    end = time.monotonic() + limit
    while time.monotonic() < end and p.poll() is None:
        with suppress(URLError, OSError), urlopen(url, timeout=60): return
        time.sleep(0.3)
    log.seek(0)
    raise Failed('the server does not answer\n' + log.read()[-1500:])


def own_settings(folder):
    "An environment in which Jupyter finds none of the user's settings, and leaves none."
    settings = folder / 'settings' / '@jupyterlab'
    for name, values in {'apputils-extension/notification': dict(fetchNews='false', checkForUpdates=False), 'notebook-extension/tracker': dict(windowingMode='none')}.items():
        file = (settings / name).with_suffix('.jupyterlab-settings')
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))
    places = dict(JUPYTER_CONFIG_DIR='config', JUPYTER_DATA_DIR='data-of-jupyter', JUPYTER_RUNTIME_DIR='runtime', JUPYTERLAB_SETTINGS_DIR='settings',
                  JUPYTERLAB_WORKSPACES_DIR='workspaces', IPYTHONDIR='ipython')
    return environment(**{name: str(folder / place) for name, place in places.items()})


# ---- the browser ----

class Visit:
    "A browser window that remembers what was asked for and what went wrong."
    def __init__(self, browser, width=1280, height=900):
        self.context = browser.new_context(viewport=dict(width=width, height=height))
        self.page, self.asked, self.wrong = self.context.new_page(), [], []
        self.context.on('request', lambda r: self.asked.append(r.url))
        self.page.on('console', lambda m: m.type == 'error' and self.wrong.append(f'console: {m.text} {m.location.get("url", "")}'))
        self.page.on('pageerror', lambda e: self.wrong.append(f'script: {e}'))

    def abroad(self):
        "Requests to other hosts."
        return sorted({u for u in self.asked if urlsplit(u).scheme in ('http', 'https', 'ws', 'wss') and urlsplit(u).hostname not in ('127.0.0.1', 'localhost')})

    def check(self):
        "Nothing went wrong, nothing left the machine."
        if self.abroad(): raise Failed('asked other hosts:\n' + '\n'.join(self.abroad()))
        if self.wrong: raise Failed('\n'.join(dict.fromkeys(self.wrong)))


class Pages(HTMLParser):
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


@contextmanager
def opened(folder):
    "The tests, with a browser that closes at the end."
    browser = Browser(folder)
    try: yield browser
    finally: browser.close()


class Browser:
    "The tests in order."
    def __init__(self, folder):
        from playwright.sync_api import sync_playwright
        self.folder, self.site = Path(folder), Path(folder) / 'site'
        self.playwright = sync_playwright().start()
        self.browser = self.playwright.chromium.launch(executable_path=chromium(), headless=True, args=FLAGS)

    def close(self):
        self.browser.close()
        self.playwright.stop()

    def checks(self):
        return [self.check_site, self.check_links, self.check_pages, self.check_search, self.check_phone, self.check_explorer, self.check_voila]

    # the site

    def check_site(self):
        "site: builds without a warning"
        done = subprocess.run([sys.executable, ROOT / '.ci' / 'docs.py', '--out', self.site], env=environment(), capture_output=True, text=True)
        if done.returncode: raise Failed((done.stdout + done.stderr)[-3000:])
        return f'{len(list(self.site.rglob("*.html")))} pages'

    def check_links(self):
        "site: no link is dead, nothing is loaded from elsewhere"
        pages = {p.relative_to(self.site).as_posix(): Pages(p.read_text(encoding='utf-8')) for p in self.site.rglob('*.html')}
        wrong = []
        for name, page in pages.items():
            wrong += [f'{name} loads {url}' for url in page.loads if urlsplit(url).netloc]
            for url in page.loads + page.leads:
                parts = urlsplit(url)
                if parts.scheme or parts.netloc: continue
                file = Path(os.path.normpath((self.site / name).parent / unquote(parts.path))) if parts.path else self.site / name
                if not file.exists(): wrong.append(f'{name}: {url} leads nowhere')
                other = pages.get(file.relative_to(self.site).as_posix()) if file.is_relative_to(self.site) else None
                if parts.fragment and other and unquote(parts.fragment) not in other.names: wrong.append(f'{name}: {url} names a place that is not there')
        if wrong: raise Failed('\n'.join(sorted(set(wrong))[:20]))
        return f'{sum(len(p.leads) for p in pages.values())} links'

    def visited(self, address, names, **size):
        "Open pages one after the other; the visit."
        visit = Visit(self.browser, **size)
        for name in names:
            visit.page.goto(f'{address}/{name}', wait_until='load')
            yield visit, name
        visit.context.close()

    def check_pages(self):
        "site: pages open with maths and figures, and ask no other host"
        names, figures, formulas = ['index.html', '01_video.html', '04_flow.html', '29_views.html', '30_explorer.html', '30a_damage.html', 'api/index.html', 'api/coordflow_nb.flow.html', 'solutions/index.html'], 0, 0
        names = [n for n in names if (self.site / n).exists()]
        with files(self.site) as address:
            for visit, name in self.visited(address, names):
                page = visit.page
                for img in page.locator('img').all(): img.scroll_into_view_if_needed() if img.is_visible() else None
                blank = page.evaluate('async () => { const all = [...document.images].filter(i => i.offsetParent); await Promise.all(all.map(i => i.decode().catch(() => 0))); '
                                      'return all.filter(i => !i.naturalWidth).map(i => i.src); }')
                if blank: raise Failed(f'{name}: figures do not load: {blank}')
                figures += page.locator('article img').count()
                if name.startswith('04'):
                    page.wait_for_selector('mjx-container', timeout=30_000)
                    formulas = page.locator('mjx-container').count()
                    if formulas < page.locator('.math').count() or page.locator('mjx-merror').count(): raise Failed(f'{name}: maths is not typeset')
                visit.check()
        return f'{len(names)} pages, {figures} figures, {formulas} formulas'

    def check_search(self):
        "site: the search finds CoordFlow"
        with files(self.site) as address:
            for visit, _ in self.visited(address, ['04_flow.html']):
                box = visit.page.locator('input[name=q]').first
                box.fill('CoordFlow')
                box.press('Enter')
                found = visit.page.locator('ul.search li a', has_text='fusion.CoordFlow').first
                found.wait_for(timeout=30_000)
                count = visit.page.locator('ul.search li').count()
                found.click()
                visit.page.wait_for_url(re.compile(r'fusion\.html.*#coordflow_nb\.fusion\.CoordFlow'), timeout=30_000)
                visit.check()
        return f'{count} places'

    def check_phone(self):
        "site: pages fit a phone"
        names = ['index.html', '04_flow.html', 'api/coordflow_nb.flow.html']
        with files(self.site) as address:
            for visit, name in self.visited(address, names, width=390, height=844):
                width = visit.page.evaluate('document.documentElement.scrollWidth')
                if width > 390: raise Failed(f'{name} is {width} pixels wide on a screen of 390')
                visit.check()

    # the explorer

    def notebooks(self, name, cells):
        "A folder with one notebook in it, beside a copy of `data`."
        place = self.folder / name
        shutil.copytree(ROOT / 'data', place / 'data')
        (place / 'nbs').mkdir()
        nb = dict(cells=cells, metadata=dict(kernelspec=dict(name='python3', display_name='Python 3', language='python')), nbformat=4, nbformat_minor=5)
        (place / 'nbs' / 'explorer.ipynb').write_text(json.dumps(nb), encoding='utf-8')
        return place / 'nbs'

    def check_explorer(self):
        "JupyterLab: the explorer runs, a slider changes its picture"
        chapter = json.loads((ROOT / 'nbs' / '30_explorer.ipynb').read_text(encoding='utf-8'))
        kept = [c for c in chapter['cells'] if c['cell_type'] != 'code' or runs(''.join(c['source']))]
        for c in kept: c |= dict(outputs=[], execution_count=None) if c['cell_type'] == 'code' else {}
        folder = self.notebooks('lab', kept)
        options = ['--no-browser', '--allow-root', '--ip=127.0.0.1', '--IdentityProvider.token=', '--ServerApp.password=', f'--ServerApp.root_dir={folder}', '--expose-app-in-browser',
                   '--LabApp.news_url=None', '--LabApp.check_for_updates_class=jupyterlab.handlers.announcements.NeverCheckForUpdate']
        with server(folder, 'jupyterlab', *options, ready='/api/status') as address:
            visit = Visit(self.browser, 1440, 1000)
            page = visit.page
            page.goto(f'{address}/lab/tree/explorer.ipynb')
            page.locator('.jp-Notebook .jp-CodeCell').first.wait_for(timeout=90_000)
            page.wait_for_function(READY, polling=500, timeout=90_000)
            page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
            page.wait_for_function(RAN, polling=500, timeout=1000*PATIENCE)
            broken = page.locator('[data-mime-type="application/vnd.jupyter.error"]').all_inner_texts()
            if broken: raise Failed('a cell fails:\n' + broken[0][-1500:])
            panels = page.locator('.jp-CodeCell').filter(has=page.locator(SLIDER)).filter(has=page.locator(PICTURE))
            said = self.slide(page, panels.first)
            visit.wrong = [w for w in visit.wrong if re.search('widget|script:|model|coordflow', w, re.I)]
            visit.check()
            count = panels.count()
            visit.context.close()
        return f'{count} panels, {said}'

    def check_voila(self):
        "Voila: the panel is an application"
        source = "from coordflow_nb.explorer import explore\nexplore('../data/moving_layers.cfv')"
        folder = self.notebooks('voila', [dict(cell_type='code', id='panel', metadata={}, source=source, outputs=[], execution_count=None)])
        with server(folder, 'voila', 'explorer.ipynb', '--no-browser', '--Voila.ip=127.0.0.1', ready='/voila/static/voila.js') as address:
            visit = Visit(self.browser, 1280, 900)
            visit.page.goto(address, timeout=1000*PATIENCE, wait_until='commit')
            visit.page.locator(SLIDER).first.wait_for(timeout=1000*PATIENCE)
            said = self.slide(visit.page, visit.page.locator('body'))
            visit.context.close()
        return said

    def slide(self, page, panel):
        "Move the first slider of a panel by its keys; the picture must change."
        picture, slider = panel.locator(PICTURE).first, panel.locator(SLIDER).first
        picture.wait_for(timeout=60_000)
        picture.scroll_into_view_if_needed()
        before = picture.evaluate(HASH)
        slider.focus()
        for _ in range(3): page.keyboard.press('ArrowRight')
        end = time.monotonic() + 30
        while picture.evaluate(HASH) == before:
            if time.monotonic() > end: raise Failed('a slider moves, its picture does not change in 30 s')
            time.sleep(0.05)
        return 'a slider changes the picture'
