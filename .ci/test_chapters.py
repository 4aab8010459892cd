"Each notebook runs in a kernel of its own and must say what is saved in it, see chapter.py."
import pytest

import chapter
from book import cells, environment, label, notebooks
from zygote import Zygote


def pytest_generate_tests(metafunc):
    "A test for each notebook, or for those chosen."
    wanted = metafunc.config.getoption('--chapters').split(',')
    metafunc.parametrize('path', [p for p in notebooks() if wanted == [''] or label(p) in wanted], ids=label)


@pytest.fixture(scope='session')
def zygote(): return Zygote(environment())


def test_chapter(path, zygote, say):
    "chapter"
    early = any("os.environ['TRITON_INTERPRET']" in source for source, _ in cells(path, 'code'))  # read when it is loaded: not by a fork
    say(chapter.check(path, zygote=None if early else zygote))
