"A clip's way through the command, step by step in one folder."
import json, subprocess, sys
from pathlib import Path

import pytest

from book import Failed, environment

pytestmark = pytest.mark.xdist_group('command')
FRAMES, WIDTH, HEIGHT = 6, 64, 48


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    "Run `coordflow` in the folder of this walk: (standard output, standard error); `status` is what it must exit with."
    folder = tmp_path_factory.mktemp('command')
    def run(line, status=0):
        done = subprocess.run([Path(sys.executable).with_name('coordflow'), *line.split()], cwd=folder, env=environment(MPLBACKEND='agg'), timeout=300,
                              text=True, stdin=subprocess.DEVNULL, capture_output=True)
        if done.returncode != status: raise Failed(f'coordflow {line}: exit status {done.returncode}, not {status}\n{done.stderr or done.stdout}'.rstrip())
        return done.stdout, done.stderr
    run.folder = folder
    return run


@pytest.fixture(scope='module')
def clip(run):
    "A small file and what `encode` said."
    return run.folder / 'clip.cfv', run(f'encode moving_layers clip.cfv --size {WIDTH}x{HEIGHT} --frames {FRAMES} --seconds 4 --seed 0')


def test_encode(clip, say):
    "coordflow encode"
    path, (out, err) = clip
    assert 'fitting' not in out and 'fitting' in err, f'progress belongs on standard error: {out}{err}'
    say(f'{path.stat().st_size} bytes')


def test_info(run, clip):
    "coordflow info"
    info = json.loads(run('info clip.cfv --json')[0])
    assert [info[k] for k in ('width', 'height', 'frames', 'bytes')] == [WIDTH, HEIGHT, FRAMES, clip[0].stat().st_size]


def test_decode(run, clip):
    "coordflow decode, twice the same"
    for name in ('back.npy', 'again.npy'): run(f'decode clip.cfv {name}')
    back, again = ((run.folder / name).read_bytes() for name in ('back.npy', 'again.npy'))
    assert back == again and len(back) >= FRAMES*HEIGHT*WIDTH*3


def test_evaluate(run, clip, say):
    "coordflow evaluate"
    scores, size = json.loads(run('evaluate clip.cfv moving_layers --json')[0]), clip[0].stat().st_size
    assert (scores['bytes'], round(scores['bpp'], 6)) == (size, round(8*size/(FRAMES*HEIGHT*WIDTH), 6))
    assert 15 < scores['psnr'] < 60 and 0 < scores['ssim'] <= 1
    say(f'{scores["psnr"]:.2f} dB')


def test_compare(run):
    "coordflow compare"
    said = json.loads(run(f'compare moving_layers --codecs x264 --rates 1,2 --size {WIDTH}x{HEIGHT} --frames {FRAMES} --out report --json')[0])
    assert json.loads((run.folder / 'report/report.json').read_text(encoding='utf-8')) == said
    assert [round(p['bpp']) for p in said['curves']['x264']['points']] == [1, 2]
    assert (run.folder / 'report/rd.png').read_bytes()[1:4] == b'PNG'


def test_bad_input(run, clip):
    "coordflow refuses bad input in one line"
    (run.folder / 'cut.cfv').write_bytes(clip[0].read_bytes()[:-7])
    for line in ('decode cut.cfv bad.npy', 'info missing.cfv', 'encode missing.mp4 bad.cfv', 'compare moving_layers --codecs x263 --out bad',
                 'compare moving_layers --rates 0 --out bad'):
        out, err = run(line, status=1)
        assert not out and len(err.splitlines()) == 1, f'coordflow {line}: {out}{err}'
    assert not list(run.folder.glob('*bad*')), 'something is left behind'
