"Each notebook runs in a kernel of its own and must say what is saved in it, see chapter.py."
import pytest

import chapter
from book import environment, label, notebooks
from zygote import Zygote


def pytest_generate_tests(metafunc):
    "A test for each notebook, or for those chosen."
    wanted = metafunc.config.getoption('--chapters').split(',')
    metafunc.parametrize('path', [p for p in notebooks() if wanted == [''] or label(p) in wanted], ids=label)


@pytest.fixture(scope='session')
def zygote(): return Zygote(environment())


def test_chapter(path, zygote, say):
    "chapter"
    say(chapter.check(path, zygote=zygote))
