"How the tests run: in which order, what is printed of them."
import inspect, re

import pytest

from book import Failed, costs

COUNTS = dict(passed=0, failed=0)
ORDER = ['test_checks', 'test_browser', 'test_command', 'test_chapters']


def pytest_addoption(parser): parser.addoption('--chapters', default='', help='labels of notebooks, separated by commas')


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session): session.config.pluginmanager.unregister(name='terminaldistreporter')  # it speaks of nodes


def pytest_collection_modifyitems(items):
    "Chapters come last, the longest first, so that no worker waits for the other."
    seconds = costs()
    items.sort(key=lambda i: (ORDER.index(i.module.__name__), -seconds.get(getattr(i, 'callspec', i).id, 60) if hasattr(i, 'callspec') else 0))


@pytest.fixture
def say(request):
    "What a test says in a few words of what it saw."
    return lambda note: request.node.user_properties.append(('note', note))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    "A report named by the test's docstring; of a failure it keeps what a reader needs."
    report = yield
    name = inspect.getdoc(item.function)
    report.user_properties.append(('name', f'{name} {item.callspec.id}' if hasattr(item, 'callspec') else name))
    if call.excinfo and report.failed:
        error = call.excinfo.value
        report.longrepr = str(error) if isinstance(error, Failed) else str(call.excinfo.getrepr(style='short'))
    return report


def pytest_report_teststatus(): return '', '', ''  # the lines below in place of dots


def pytest_runtest_logreport(report):
    "The line of one test; what a failed one said follows, indented. Runs where all reports come together."
    if report.when != 'call' and not report.failed: return
    said = dict(report.user_properties)
    COUNTS[report.outcome] += 1
    first = f'{"ok" if report.passed else "FAILED":6}  {said["name"]:58} {report.duration:6.1f} s'
    print(f'{first}  {said.get("note", "")}'.rstrip() if report.passed else first + '\n' + re.sub('^', ' ' * 8, str(report.longrepr), flags=re.M), flush=True)


def pytest_unconfigure(config):
    if not hasattr(config, 'workerinput'): print('{passed} passed, {failed} failed'.format(**COUNTS), flush=True)
