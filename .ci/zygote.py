"""Kernels without waiting: a process imports what most chapters import (torch and its optimizers take four seconds) and forks for each notebook.

A forked process becomes an ordinary kernel; no module of the library is loaded in it. Should the process that asked go away, however it ends, its
kernels go, too. Without `fork`, kernels start as usual.
"""
import importlib, json, os, signal, subprocess, sys
from contextlib import suppress

HEAVY = ('torch', 'torch._dynamo', 'numpy', 'scipy.ndimage', 'scipy.signal', 'scipy.optimize', 'skimage.metrics', 'matplotlib.pyplot', 'PIL.Image',
         'av', 'imageio', 'constriction', 'fastcore.all', 'ipywidgets', 'ipykernel.kernelapp', 'ipykernel.ipkernel', 'ipykernel.zmqshell')


class Zygote:
    "The process that forks, seen from the one that asks; `launch` has the signature of jupyter_client's `launch_kernel`."
    def __init__(self, env):
        self.process = subprocess.Popen([sys.executable, __file__], env=env, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, preexec_fn=os.setpgrp)

    def launch(self, cmd, env=None, cwd=None, **_):
        "Start a kernel."
        print(json.dumps([cmd[cmd.index('ipykernel_launcher'):], str(cwd), env]), file=self.process.stdin, flush=True)
        return Kernel(int(self.process.stdout.readline()))


class Kernel:
    "A forked process, as far as it looks like one that `subprocess` started; the zygote reaps it."
    stdin = stdout = stderr = None
    def __init__(self, pid): self.pid = pid

    def poll(self):
        "None while it runs."
        try: return os.kill(self.pid, 0)
        except ProcessLookupError: return 0

    wait = poll

    def send_signal(self, number):
        with suppress(ProcessLookupError): os.kill(self.pid, number)

    def kill(self): self.send_signal(signal.SIGKILL)


def become_kernel(arguments, cwd, env):
    "What a forked process does."
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    null = os.open(os.devnull, os.O_RDWR)
    for k in range(3): os.dup2(null, k)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.argv, sys.path[0] = arguments, ''
    from ipykernel import kernelapp
    kernelapp.launch_new_instance(argv=sys.argv[1:])


def main():
    "Fork for each line read, answer with the process number."
    os.environ['MPLBACKEND'] = 'module://matplotlib_inline.backend_inline'  # as a kernel does
    for name in HEAVY:
        with suppress(ImportError): importlib.import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the forked
    started = []
    for line in sys.stdin:
        if not (pid := os.fork()):
            os.setpgid(0, 0)
            try: become_kernel(*json.loads(line))
            finally: os._exit(0)
        with suppress(OSError): os.setpgid(pid, pid)
        started.append(pid)
        print(pid, flush=True)
    for pid in started:
        with suppress(ProcessLookupError): os.killpg(pid, signal.SIGKILL)
    os._exit(0)


if __name__ == '__main__': main()
