"""Builds the compiled parts; everything else is declared in pyproject.toml."""

import os
import sys
import sysconfig
from glob import glob

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

PARTS = os.environ.get("RUNNERLIB_PARTS", "all")


def refusal():
    """Return why this cannot be built here, in one sentence; None if it can."""
    if PARTS not in {"all", "mask"}:
        return f"RUNNERLIB_PARTS: 'all' or 'mask' is expected, got '{PARTS}'"
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        return "runnerlib is not made for a free-threaded Python: install it with the ordinary build of Python"
    if PARTS == "all" and sys.platform != "linux":
        return (
            "runnerlib runs jobs on Linux only: run it in a container, from a clone by 'docker build -t runner .' and "
            "'docker run --rm -v \"$PWD:/job/src\" runner runnerlib run ...'; for its mask alone (`runnerlib mask`, "
            "`runnerlib.masking`) set RUNNERLIB_PARTS=mask and install again"
        )
    return None


if refusal():
    sys.exit(refusal())

FLAGS = ["-O3", "-std=c11", "-Wall", "-Wextra", "-fvisibility=hidden"]

core = Extension(
    "runnerlib.masking._scanner",
    sources=["ext/scanner.pyx", *sorted(glob("ext/*.c"))],
    depends=sorted(glob("ext/*.h")),
    include_dirs=["ext"],
    extra_compile_args=FLAGS,
)
spawn = Extension(
    "runnerlib.executor.local._spawn",
    sources=[
        "ext/process/_spawn.pyx",
        *(f"ext/process/{name}.c" for name in ("spawn", "mark", "landlock", "syscall_filter")),
    ],
    depends=sorted(glob("ext/process/*.h")),
    include_dirs=["ext/process"],
    extra_compile_args=[*FLAGS, "-pthread"],
    extra_link_args=["-pthread"],
)
landlock = Extension(
    "runnerlib.executor.local._landlock",
    sources=["ext/process/_landlock.pyx", "ext/process/landlock.c", "ext/process/syscall_filter.c"],
    depends=sorted(glob("ext/process/*.h")),
    include_dirs=["ext/process"],
    extra_compile_args=FLAGS,
)
hardening = Extension(
    "runnerlib.executor.hardening._hardening",
    sources=["ext/process/_hardening.pyx", "ext/process/hardening.c"],
    depends=sorted(glob("ext/process/*.h")),
    include_dirs=["ext/process"],
    extra_compile_args=FLAGS,
)
treefile = Extension(
    "runnerlib.source._treefile",
    sources=["ext/treefile/_treefile.pyx", *sorted(glob("ext/treefile/[rw]*.c"))],
    depends=sorted(glob("ext/treefile/*.h")),
    include_dirs=["ext/treefile"],
    extra_compile_args=[*FLAGS, "-pthread"],
    extra_link_args=["-pthread"],
)
guard = Extension(
    "runnerlib.executor.local.watchdog",
    sources=["ext/process/guard.c"],
    depends=sorted(glob("ext/process/*.h")),
    extra_compile_args=FLAGS,
)


class Build(build_ext):
    """Builds the guard as what it is, a program; everything else about it is as with an extension."""

    def get_ext_filename(self, fullname):
        """Return the path below the package: a program has no suffix."""
        if fullname.split(".")[-1] == "watchdog":  # an editable build asks with the bare name
            return os.path.join(*fullname.split("."))
        return super().get_ext_filename(fullname)

    def build_extension(self, ext):
        """Compile and link one extension, or the program."""
        if ext.name != guard.name:
            super().build_extension(ext)
            return
        objects = self.compiler.compile(ext.sources, self.build_temp, extra_postargs=ext.extra_compile_args)
        program = self.get_ext_fullpath(ext.name)
        # Python's own way of linking a program leaves out CFLAGS, with which a sanitizer is asked for.
        self.compiler.link_executable(
            objects, os.path.basename(program), os.path.dirname(program), extra_postargs=os.getenv("CFLAGS", "").split()
        )


EVERYWHERE, LINUX = [core], [spawn, landlock, hardening, treefile]

setup(
    ext_modules=cythonize(EVERYWHERE, build_dir="build")
    if PARTS == "mask"
    else [*cythonize(EVERYWHERE + LINUX, build_dir="build"), guard],
    cmdclass={"build_ext": Build},
    data_files=[("share/man/man1", sorted(glob("docs/man/*.1")))],
)
