"""Kernels without waiting: a process imports what most chapters import (torch and its optimizers take four seconds) and forks for each notebook.

No module of the library is loaded in it. Should the process that asked go away, however it ends, its kernels go, too.
"""
import multiprocessing, os, signal, sys, threading, time
from multiprocessing import connection, forkserver
from unittest.mock import patch

from book import environment

HEAVY = ['torch', 'torch._dynamo', 'numpy', 'scipy.ndimage', 'scipy.signal', 'scipy.optimize', 'skimage.metrics', 'matplotlib.pyplot', 'PIL.Image',
         'av', 'imageio', 'constriction', 'fastcore.all', 'nbformat', 'ipywidgets', 'ipykernel.kernelapp', 'ipykernel.ipkernel', 'ipykernel.zmqshell']


class Kernel(multiprocessing.get_context('forkserver').Process):
    "A forked process that becomes an ordinary kernel, made as `subprocess.Popen` is made by jupyter_client."
    stdin = stdout = stderr = None

    def __init__(self, cmd, env=None, cwd=None, **_):
        super().__init__()
        self.arguments, self.env, self.cwd = cmd[cmd.index('ipykernel_launcher'):], env, cwd
        forkserver.set_forkserver_preload(HEAVY)
        with patch.dict(os.environ, environment(MPLBACKEND='module://matplotlib_inline.backend_inline'), clear=True): forkserver.ensure_running()
        self.start()
        while os.getpgid(self.pid) != self.pid: time.sleep(0.01)  # jupyter_client ends a kernel by its group

    def poll(self): return self.exitcode

    def wait(self): return self.join()

    def send_signal(self, number): os.kill(self.pid, number)

    def run(self):
        "What the forked process does."
        os.setsid()
        threading.Thread(target=self.follow, daemon=True).start()
        null = os.open(os.devnull, os.O_RDWR)
        for k in range(3): os.dup2(null, k)
        os.chdir(self.cwd)
        os.environ.clear()
        os.environ.update(self.env)
        sys.argv, sys.path[0] = self.arguments, ''
        from ipykernel import kernelapp
        kernelapp.launch_new_instance(argv=sys.argv[1:])

    def follow(self):
        "End with the process that asked."
        connection.wait([multiprocessing.parent_process().sentinel])
        os.killpg(0, signal.SIGKILL)
