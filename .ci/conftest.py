"How the tests run: what is printed of them."
import inspect, re
from functools import partial

import pytest

COUNTS = dict(passed=0, failed=0)


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session): session.config.pluginmanager.unregister(name='terminaldistreporter')  # it speaks of nodes


@pytest.fixture
def say(record_property):
    "What a test says in a few words of what it saw."
    return partial(record_property, 'note')


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    "A report named by the test's docstring."
    report = yield
    name = inspect.getdoc(item.function)
    report.user_properties.append(('name', f'{name} {item.callspec.id}' if hasattr(item, 'callspec') else name))
    return report


def pytest_report_teststatus(): return '', '', ''  # the lines below in place of dots


def pytest_runtest_logreport(report):
    "The line of one test; what a failed one said follows, indented. Runs where all reports come together."
    if report.when != 'call' and not report.failed: return
    said = dict(report.user_properties)
    COUNTS[report.outcome] += 1
    print(f'{"ok" if report.passed else "FAILED":6}  {said["name"]:58} {report.duration:6.1f} s  {said.get("note", "")}'.rstrip(), flush=True)
    if report.failed: print(re.sub('^', ' ' * 8, str(report.longrepr), flags=re.M), flush=True)


def pytest_unconfigure(config):
    if not hasattr(config, 'workerinput'): print('{passed} passed, {failed} failed'.format(**COUNTS), flush=True)
