"A clip's way through the command, step by step in one folder."
import json, subprocess, sys
from pathlib import Path

import pytest

from book import environment

pytestmark = pytest.mark.xdist_group('command')
FRAMES, WIDTH, HEIGHT = 6, 64, 48
COORDFLOW = Path(sys.executable).with_name('coordflow')


@pytest.fixture(scope='module')
def folder(tmp_path_factory): return tmp_path_factory.mktemp('command')


@pytest.fixture(scope='module')
def run(folder):
    "Run `coordflow` in the folder of this walk: (standard output, standard error); `status` is what it must exit with."
    def run(line, status=0):
        env = environment(MPLBACKEND='agg')
        done = subprocess.run([COORDFLOW, *line.split()], cwd=folder, env=env, timeout=300, text=True, input='', capture_output=True)
        assert done.returncode == status, f'coordflow {line}\n{done.stderr or done.stdout}'
        return done.stdout, done.stderr
    return run


@pytest.fixture(scope='module')
def size(folder, run):
    "A small file is made; its bytes."
    out, err = run(f'encode moving_layers clip.cfv --size {WIDTH}x{HEIGHT} --frames {FRAMES} --seconds 4 --seed 0')
    assert 'fitting' not in out and 'fitting' in err, f'progress belongs on standard error: {out}{err}'
    return (folder / 'clip.cfv').stat().st_size


def test_encode(size, say):
    "coordflow encode"
    say(f'{size} bytes')


def test_info(run, size):
    "coordflow info"
    info = json.loads(run('info clip.cfv --json')[0])
    assert [info[k] for k in ('width', 'height', 'frames', 'bytes')] == [WIDTH, HEIGHT, FRAMES, size]


def test_decode(run, size, folder):
    "coordflow decode, twice the same"
    for name in ('back.npy', 'again.npy'): run(f'decode clip.cfv {name}')
    back = (folder / 'back.npy').read_bytes()
    assert back == (folder / 'again.npy').read_bytes() and len(back) >= FRAMES*HEIGHT*WIDTH*3


def test_evaluate(run, size, say):
    "coordflow evaluate"
    scores = json.loads(run('evaluate clip.cfv moving_layers --json')[0])
    assert (scores['bytes'], scores['bpp']) == (size, pytest.approx(8*size/(FRAMES*HEIGHT*WIDTH)))
    assert 15 < scores['psnr'] < 60 and 0 < scores['ssim'] <= 1
    say(f'{scores["psnr"]:.2f} dB')


def test_compare(run, folder):
    "coordflow compare"
    said = json.loads(run(f'compare moving_layers --codecs x264 --rates 1,2 --size {WIDTH}x{HEIGHT} --frames {FRAMES} --out report --json')[0])
    assert json.loads((folder / 'report/report.json').read_text(encoding='utf-8')) == said
    assert [round(p['bpp']) for p in said['curves']['x264']['points']] == [1, 2]
    assert (folder / 'report/rd.png').read_bytes()[1:4] == b'PNG'


def test_bad_input(run, size, folder):
    "coordflow refuses bad input in one line"
    (folder / 'cut.cfv').write_bytes((folder / 'clip.cfv').read_bytes()[:-7])
    for line in ('decode cut.cfv bad.npy', 'info missing.cfv', 'encode missing.mp4 bad.cfv', 'compare moving_layers --codecs x263 --out bad',
                 'compare moving_layers --rates 0 --out bad'):
        out, err = run(line, status=1)
        assert not out and len(err.splitlines()) == 1, f'coordflow {line}: {out}{err}'
    assert not list(folder.glob('*bad*')), 'something is left behind'
